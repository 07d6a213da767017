//! The table of figures.

use serde::Serialize;

/// A figure beside its peer's.
#[derive(Serialize)]
struct Row {
    measurement: String,
    ours: f64,
    peer: String,
    peers: f64,
    unit: &'static str,
    ratio: f64,
    /// What the ratio should be at least (or at most, for times); 0 where there is no target.
    target: f64,
}

/// All figures of a run.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a figure and its peer's; the ratio is ours to theirs.
    pub(crate) fn add(
        &mut self,
        measurement: &str,
        ours: f64,
        peer: &str,
        peers: f64,
        unit: &'static str,
        target: f64,
    ) {
        let row = Row {
            measurement: measurement.to_owned(),
            ours,
            peer: peer.to_owned(),
            peers,
            unit,
            ratio: ours / peers,
            target,
        };
        eprintln!("{measurement}: {ours:.1} {unit}, {peer}: {peers:.1}");
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        println!("{:<52} {:>12} {:>12} {:>9} {:>8}  peer", "measurement", "ours", "peer", "ratio", "target");
        for row in &self.rows {
            let target = if row.target > 0.0 { format!("{:.1}", row.target) } else { "-".to_owned() };
            let Row { measurement, ours, peers, ratio, peer, unit, .. } = row;
            println!(
                "{:<52} {ours:>12.1} {peers:>12.1} {ratio:>9.2} {target:>8}  {peer}",
                format!("{measurement} ({unit})")
            );
        }
    }

    pub(crate) fn write(&self, path: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)?)?)
    }
}

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
