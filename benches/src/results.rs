//! The figures of a run, and what is computed from them.

use casty_bench_harness::figures::Spread;
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Figures;

use crate::plan::Cell;

/// All measurements, in the order they were made.
#[derive(Debug, Default)]
pub struct Results {
    measured: Vec<Measured>,
}

/// One measurement of a cell.
#[derive(Debug)]
pub struct Measured {
    /// The cell.
    pub cell: Cell,
    /// The round that it was measured in.
    pub round: usize,
    /// The figures that came of it.
    pub figures: Figures,
}

impl Results {
    /// Takes in a measurement.
    pub fn add(&mut self, cell: Cell, round: usize, figures: Figures) {
        self.measured.push(Measured {
            cell,
            round,
            figures,
        });
    }

    /// Returns all measurements, in the order they were made.
    pub fn all(&self) -> &[Measured] {
        &self.measured
    }

    /// Returns the cells that were measured, each once, sorted by load and then as they came.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        for Measured { cell, .. } in &self.measured {
            if !cells.contains(cell) {
                cells.push(*cell);
            }
        }
        cells.sort_by_key(|cell| (cell.load, cell.sender));
        cells
    }

    /// Returns the measurements of one cell.
    pub fn of(&self, cell: Cell) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(move |it| it.cell == cell)
    }

    /// Returns a figure over all rounds; `None` if the cell was not measured, or has none such.
    pub fn spread(&self, cell: Cell, figure: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.of(cell).filter_map(|it| figure(&it.figures)))
    }

    /// Returns the ratio of a figure of two cells, each round's to the same round's.
    pub fn ratio(
        &self,
        above: Cell,
        below: Cell,
        figure: impl Fn(&Figures) -> Option<f64>,
    ) -> Option<Spread> {
        let rounds = self.of(above).filter_map(|above| {
            let mut belows = self.of(below);
            let below = belows.find(|below| below.round == above.round)?;
            Some(figure(&above.figures)? / figure(&below.figures)?)
        });
        Spread::of(rounds)
    }

    /// Returns how many times the processor time one sender takes for a message, the same number of
    /// messages of each load, over that of another, round by round.
    pub fn processor_ratio(
        &self,
        loads: &[Load],
        above: &'static str,
        below: &'static str,
    ) -> Option<Spread> {
        let rounds = self.measured.iter().map(|it| it.round).max()?;
        let sum = |round: usize, sender: &'static str| {
            let of_load = |load: &Load| {
                let mut measured = self.of(Cell {
                    load: *load,
                    sender,
                });
                let it = measured.find(|it| it.round == round)?;
                Some(it.figures.processor())
            };
            loads.iter().map(of_load).sum::<Option<f64>>()
        };
        let ratios = (0..=rounds).filter_map(|round| Some(sum(round, above)? / sum(round, below)?));
        Spread::of(ratios)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn figures(operations: u64, micros: f64) -> Figures {
        Figures {
            operations,
            seconds: 1.0,
            processor_seconds: 0.5,
            resident_bytes: 1 << 20,
            latency_microseconds: vec![micros; 10],
        }
    }

    const FLOOR: Cell = Cell {
        load: Load::Ask(64),
        sender: "floor",
    };
    const CLIENT: Cell = Cell {
        load: Load::Ask(64),
        sender: "client",
    };

    #[test]
    fn ratios_are_to_the_same_round() {
        let mut results = Results::default();
        for (round, speed) in [1, 4, 2].into_iter().enumerate() {
            results.add(CLIENT, round, figures(500 * speed, 30.0));
            results.add(FLOOR, round, figures(1000 * speed, 10.0));
        }
        // A round in which the other was not measured counts for nothing.
        results.add(CLIENT, 7, figures(1, 1.0));
        let rates = results.ratio(CLIENT, FLOOR, |it| Some(it.rate())).unwrap();
        let half = 0.5;
        let (low, median, high) = (half, half, half);
        assert_eq!(rates, Spread { low, median, high });
        let times = results.ratio(CLIENT, FLOOR, Figures::p50).unwrap();
        assert!((times.median - 3.0).abs() < 1e-9);
        let absent = Cell {
            sender: "nobody",
            ..FLOOR
        };
        assert_eq!(results.ratio(CLIENT, absent, Figures::p50), None);
    }

    #[test]
    fn processor_times_are_summed_over_loads_before_they_are_compared() {
        let mut results = Results::default();
        let tell = |cell: Cell| Cell {
            load: Load::Tell,
            ..cell
        };
        // 0.5 s for these: 5 ms and 1 ms, against 1 ms and 1 ms each.
        for (cell, operations) in [
            (CLIENT, 100),
            (tell(CLIENT), 500),
            (FLOOR, 500),
            (tell(FLOOR), 500),
        ] {
            results.add(cell, 0, figures(operations, 1.0));
        }
        let loads = [CLIENT.load, Load::Tell];
        let ratio = results.processor_ratio(&loads, "client", "floor").unwrap();
        assert!((ratio.median - 3.0).abs() < 1e-9);
        let absent = results.processor_ratio(&[Load::TellAll], "client", "floor");
        assert_eq!(absent, None);
    }
}
