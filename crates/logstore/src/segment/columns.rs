//! The values of a layout's lines, slot by slot.

/// One column behind the other.
pub struct Columns {
    values: Vec<u64>,
    count: usize,
}

/// Lines turned at once: what they hold fits into the nearest cache.
const LINES: usize = 128;

impl Columns {
    /// Turns `values`, which has as many for each of `count` lines, line after line.
    pub fn of(values: &[u64], count: usize) -> Self {
        let stride = values.len() / count.max(1);
        let mut turned = vec![0; stride * count];
        for (number, lines) in values.chunks(LINES * stride.max(1)).enumerate() {
            for (at, column) in turned.chunks_exact_mut(count.max(1)).enumerate() {
                let places = column.iter_mut().skip(number * LINES);
                for (place, value) in places.zip(lines.iter().skip(at).step_by(stride)) {
                    *place = *value;
                }
            }
        }
        Self { values: turned, count }
    }

    pub fn get(&self, column: usize) -> &[u64] {
        self.values.get(column * self.count..(column + 1) * self.count).unwrap_or_default()
    }
}
