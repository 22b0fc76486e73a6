/// Cumulative counts of values.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    /// For each bound, the number of values up to it.
    up_to: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            up_to: vec![0; bounds.len()],
            count: 0,
            sum: 0.0,
        }
    }

    pub(crate) fn add(&mut self, value: f64) {
        for (up_to, bound) in self.up_to.iter_mut().zip(self.bounds) {
            *up_to += u64::from(value <= *bound);
        }
        self.count += 1;
        self.sum += value;
    }

    /// Each bound with the number of values up to it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().copied().zip(self.up_to.iter().copied())
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_counts_in_every_bucket_up_to_whose_bound_it_is() {
        let mut histogram = Histogram::new(&[1.0, 10.0]);
        for value in [0.5, 1.0, 5.0, 50.0] {
            histogram.add(value);
        }
        assert_eq!(
            histogram.buckets().collect::<Vec<_>>(),
            [(1.0, 2), (10.0, 3)]
        );
        assert_eq!((histogram.count(), histogram.sum()), (4, 56.5));
    }
}
