//! What a gateway adds to the time of a call, at half of the load that it can take.

use crate::Outcome;
use crate::figures::{Figures, judged};
use crate::gateway::start_keygates;
use crate::load::Load;
use crate::open_loop::{CLIENTS, Place};
use crate::options::Options;
use crate::shape::{Name, Shape};
use crate::target::Target;
use crate::upstream::{self, Bed};

const QUANTILES: [f64; 2] = [0.5, 0.99];

pub const TITLE: &str = "Latency at half of saturation";

/// One round of one row: the quantiles, in microseconds.
type Quantiles = [f64; 2];

struct Row {
    name: &'static str,
    port: u16,
    token: String,
    rounds: Vec<Quantiles>,
}

pub fn measure(options: &Options) -> Outcome<Figures> {
    let shape = Shape::beside_nginx();
    let place = Place::start(upstream::body(shape.answer))?;
    let bed = Bed::before(&shape, place.port)?;
    let mut targets = start_keygates(&bed, &shape)?;
    targets.extend(bed.peers(&shape)?);
    for target in &targets {
        target.probe(&shape)?;
    }
    let rate = rate(&targets, &shape, &bed, options)?;
    let mut rows = vec![Row { name: "direct", port: place.port, token: "none".to_owned(), rounds: Vec::new() }];
    rows.extend(targets.iter().map(|target| Row {
        name: target.row,
        port: target.door.port,
        token: target.token.clone(),
        rounds: Vec::new(),
    }));
    for round in 1..=options.rounds() {
        eprintln!("{TITLE}: round {round} of {}", options.rounds());
        for row in &mut rows {
            let reached = place.answered();
            let mut taken = place
                .load(row.port, &row.token, rate, options.seconds())
                .map_err(|error| format!("{}: {error}", row.name))?;
            let reached = place.answered() - reached;
            if reached != taken.count() as u64 {
                return Err(
                    format!("{}: {reached} of {} requests reached the upstream", row.name, taken.count()).into()
                );
            }
            row.rounds.push(QUANTILES.map(|share| taken.quantile(share)));
        }
    }
    Ok(figures(&targets, &rows, rate))
}

/// Half of the requests that the slower one has the processor for, in a second.
fn rate(targets: &[Target], shape: &Shape, bed: &Bed, options: &Options) -> Outcome<f64> {
    let load = Load { connections: shape.connections, seconds: options.seconds() };
    let mut most = 0.0_f64;
    for target in targets {
        let before = target.process.cpu()?;
        let served = load.run_wrk(&target.door, &target.request(shape), true, bed.path())?;
        let spent = target.process.cpu()? - before;
        most = most.max((spent.user + spent.system) / served.requests as f64);
    }
    Ok(0.5 / most)
}

fn figures(targets: &[Target], rows: &[Row], rate: f64) -> Figures {
    let direct = &rows[0];
    let added = |row: &Row, at: usize| -> Vec<f64> {
        row.rounds.iter().zip(&direct.rounds).map(|(with, without)| with[at] - without[at]).collect()
    };
    let whole = |row: &Row, at: usize| median(row.rounds.iter().map(|round| round[at]).collect());
    let nginx = rows.iter().find(|row| row.name == Name::Nginx.text());
    let cells = |row: &Row| -> Vec<String> {
        let mut cells = vec![row.name.to_owned()];
        for at in 0..QUANTILES.len() {
            cells.push(format!("{:.0} µs", whole(row, at)));
            let is_direct = row.name == direct.name;
            cells.push(if is_direct { "–".to_owned() } else { format!("{:.0} µs", median(added(row, at))) });
            let ratio = nginx.filter(|_| row.name == Name::Keygate.text()).map(|nginx| {
                let rounds = added(row, at).into_iter().zip(added(nginx, at));
                judged(median(rounds.map(|(ours, theirs)| ours / theirs).collect()), 1.0)
            });
            cells.push(ratio.unwrap_or_else(|| "–".to_owned()));
        }
        cells
    };
    Figures {
        versions: targets.iter().map(|target| (target.name.text(), target.version.clone())).collect(),
        columns: vec!["", "p50", "added", "to nginx's", "p99", "added", "to nginx's"],
        rows: rows.iter().map(cells).collect(),
        notes: vec![format!(
            "{rate:.0} requests a second, over {CLIENTS} connections, for each: half of what the slower target has the \
             processor for, by what a request costs it when it is busy. They are due at fixed times, and measured from \
             the time that they were due. What is added is the difference to a direct call of the same round. The bar \
             is nginx's: at most 1.00."
        )],
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
