//! Who has which delivery in hand, between the commit that makes it and the record of its attempt, so that the table
//! and the short way from the commit never both give the same one to be sent.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use overseer_model::DeliveryId;

/// The deliveries of one target that are in hand.
#[derive(Clone, Default)]
pub struct Claims(Arc<Mutex<HashSet<DeliveryId>>>);

/// This delivery is in the holder's hand, until it is dropped.
pub struct Claim {
    id: DeliveryId,
    claims: Claims,
}

impl Claims {
    /// `None` when somebody has it.
    #[must_use]
    pub fn take(&self, id: DeliveryId) -> Option<Claim> {
        self.ids().insert(id).then(|| Claim { id, claims: self.clone() })
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<DeliveryId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.ids().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_in_one_hand_at_a_time() {
        let (claims, id) = (Claims::default(), DeliveryId::fresh());
        let held = claims.take(id);
        assert!(held.is_some());
        assert!(claims.clone().take(id).is_none());
        assert!(claims.take(DeliveryId::fresh()).is_some());
        drop(held);
        assert!(claims.take(id).is_some());
    }
}
