//! Whether two kinds of inputs take times that can be told apart: Welch's t-test, as dudect makes it (Reparaz, Balasch,
//! Verbauwhede: "Dude, is my code constant time?", 2017).

use std::time::Duration;

/// Above this, it is as good as certain that the two differ.
pub const BAR: f64 = 4.5;
/// Which part of all times is looked at, from the shortest on: what interrupts the processor is in the longest, and
/// would drown a difference of nanoseconds.
const PARTS: [f64; 6] = [1.0, 0.99, 0.95, 0.9, 0.75, 0.5];

/// Times of both kinds.
#[derive(Default)]
pub struct Times {
    of: [Vec<f64>; 2],
}

impl Times {
    pub fn add(&mut self, kind: usize, time: Duration) {
        self.of[kind].push(time.as_nanos() as f64);
    }

    /// The largest t of all parts: positive where the first kind takes longer.
    pub fn t(&self) -> f64 {
        let mut all: Vec<f64> = self.of.concat();
        all.sort_unstable_by(f64::total_cmp);
        let t_of = |part: f64| {
            let longest = all[((all.len() - 1) as f64 * part) as usize];
            let kept = |kind: usize| self.of[kind].iter().copied().filter(move |time| *time <= longest);
            welch(kept(0), kept(1))
        };
        PARTS.into_iter().map(t_of).max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or_default()
    }

    pub fn median(&self, kind: usize) -> f64 {
        let mut times = self.of[kind].clone();
        times.sort_unstable_by(f64::total_cmp);
        times[(times.len() - 1) / 2]
    }

    pub fn count(&self) -> usize {
        self.of.iter().map(Vec::len).sum()
    }
}

fn welch(one: impl Iterator<Item = f64> + Clone, other: impl Iterator<Item = f64> + Clone) -> f64 {
    let (a, b) = (moments(one), moments(other));
    let spread = (a.variance / a.count + b.variance / b.count).sqrt();
    if spread > 0.0 { (a.mean - b.mean) / spread } else { 0.0 }
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> Moments {
    let count = values.clone().count().max(2) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Moments { count, mean, variance }
}
