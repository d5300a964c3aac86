//! Token buckets by key, bounded in number: a key that was quiet long enough is forgotten, since its bucket is full.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Most keys remembered. When as many are busy at once, all begin anew: memory stays bounded, and nobody is locked out.
const KEYS: usize = 4096;

pub(crate) struct Limiter<K> {
    per_s: f64,
    burst: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(per_s: u32, burst: u32) -> Self {
        Self { per_s: f64::from(per_s), burst: f64::from(burst), buckets: Mutex::default() }
    }

    /// Whether there is something left for `key`; takes nothing.
    pub(crate) fn has(&self, key: &K, now: Instant) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(key).is_none_or(|bucket| self.left(bucket, now) >= 1.0)
    }

    /// Takes one for `key`; `false` when nothing is left.
    pub(crate) fn take(&self, key: K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEYS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.left(bucket, now) < self.burst);
            if buckets.len() >= KEYS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: self.burst, at: now });
        let left = self.left(bucket, now);
        let granted = left >= 1.0;
        *bucket = Bucket { left: if granted { left - 1.0 } else { left }, at: now };
        granted
    }

    fn left(&self, bucket: &Bucket, now: Instant) -> f64 {
        let waited = now.saturating_duration_since(bucket.at).as_secs_f64();
        waited.mul_add(self.per_s, bucket.left).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_and_keys_do_not_share() {
        let (limiter, start) = (Limiter::new(10, 3), Instant::now());
        assert!((0..3).all(|_| limiter.take("a", start)));
        assert!(!limiter.has(&"a", start) && !limiter.take("a", start));
        assert!(limiter.take("b", start));
        assert!(limiter.take("a", start + Duration::from_millis(100)));
        assert!(!limiter.take("a", start + Duration::from_millis(101)));
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let (limiter, now) = (Limiter::new(1, 1), Instant::now());
        for key in 0..KEYS * 3 {
            limiter.take(key, now);
        }
        assert!(limiter.buckets.lock().unwrap().len() <= KEYS);
    }
}
