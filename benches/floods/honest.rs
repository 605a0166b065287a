//! Clients that mean well: so many requests a second, whatever becomes of those before.

use crate::Outcome;
use crate::client::Client;
use crate::gateway::Gateway;
use crate::paced::{Paced, paced};

const REQUESTS_A_SECOND: f64 = 500.0;
const CONNECTIONS: u64 = 8;
/// One request in so many begins with a new connection.
const FRESH: u64 = 20;

/// What came of a request: `None` if it was answered as it should be.
pub type Failure = Option<String>;

/// Begins with requests, for so many seconds.
pub fn requests(gateway: &Gateway, seconds: u64) -> Outcome<Paced<Failure>> {
    let (port, token) = (gateway.port, gateway.token.clone());
    let mut number = 0;
    paced(
        REQUESTS_A_SECOND,
        seconds,
        CONNECTIONS,
        |_| Client::connect(port, &gateway.token),
        move |client, of| {
            number += 1;
            let begins = (number + of * FRESH / CONNECTIONS).is_multiple_of(FRESH);
            let asked = ask(client, begins.then_some((port, token.as_str())));
            if asked.is_err() {
                // The next request is not to fail for this one.
                Client::connect(port, &token).ok().into_iter().for_each(|fresh| *client = fresh);
            }
            Ok(asked.err().map(|error| error.to_string()))
        },
    )
}

fn ask(client: &mut Client, anew: Option<(u16, &str)>) -> Outcome<()> {
    if let Some((port, token)) = anew {
        *client = Client::connect(port, token)?;
    }
    match client.ask("GET", "/v1/devices/7", "")?.status {
        200 => Ok(()),
        other => Err(format!("it was answered with {other}").into()),
    }
}

/// A few requests, after which what is allocated once is there.
pub fn warm(gateway: &Gateway) -> Outcome<()> {
    for _ in 0..20 {
        let mut client = Client::connect(gateway.port, &gateway.token)?;
        for _ in 0..20 {
            ask(&mut client, None)?;
        }
    }
    Ok(())
}
