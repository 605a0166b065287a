//! Values as they stand in a line of the access log. A line is written for each request, and formatting macros would
//! take longer for it than all that is decided about the request.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::Timestamp;

/// Appends an integer.
pub fn push_number(line: &mut String, number: u64) {
    line.push_str(itoa::Buffer::new().format(number));
}

/// Appends milliseconds with three decimals.
pub fn push_millis(line: &mut String, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    push_number(line, micros / 1000);
    line.push('.');
    push_three(line, micros % 1000);
}

/// Appends whom a request comes from. `None`: it has no address, and came over a Unix socket.
pub fn push_client(line: &mut String, address: Option<IpAddr>) {
    match address {
        Some(IpAddr::V4(address)) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                line.push_str(if at == 0 { "" } else { "." });
                push_number(line, octet.into());
            }
        }
        Some(IpAddr::V6(address)) => line.push_str(&address.to_string()),
        None => line.push_str("unix"),
    }
}

fn push_three(line: &mut String, number: u64) {
    for place in [100, 10, 1] {
        line.push(char::from(b'0' + (number / place % 10) as u8));
    }
}

/// Writes moments, and remembers the second of the last one: there are many in each.
#[derive(Default)]
pub struct Moments {
    second: i64,
    /// Up to the point behind the second; empty before the first.
    text: String,
}

impl Moments {
    /// Appends a moment in RFC 3339.
    pub fn push(&mut self, line: &mut String, at: Timestamp) {
        if self.second != at.secs() || self.text.is_empty() {
            self.text = at.to_string();
            let Some(point) = self.text.find('.') else {
                // Out of all calendars.
                return line.push_str(&std::mem::take(&mut self.text));
            };
            self.text.truncate(point + 1);
            self.second = at.secs();
        }
        line.push_str(&self.text);
        push_three(line, at.millis().rem_euclid(1000).unsigned_abs());
        line.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: impl FnOnce(&mut String)) -> String {
        let mut line = String::new();
        push(&mut line);
        line
    }

    #[test]
    fn values_are_written_as_they_are_printed() {
        for (micros, expected) in [(0, "0.000"), (7, "0.007"), (12_345, "12.345"), (1_000_000, "1000.000")] {
            assert_eq!(pushed(|line| push_millis(line, Duration::from_micros(micros))), expected);
        }
        for address in ["0.0.0.0", "127.0.0.1", "255.10.0.99", "::1", "2001:db8::7"] {
            let client = address.parse::<IpAddr>().expect("an address");
            assert_eq!(pushed(|line| push_client(line, Some(client))), address);
        }
    }

    #[test]
    fn moments_are_written_as_they_are_printed_in_whatever_order_they_come() {
        let mut moments = Moments::default();
        let millis =
            [0, 1, 999, 1_000, 999, -1, -1_000, i64::MAX, 5, 1_795_392_000_123, 1_795_392_000_124, i64::MIN, 0];
        for at in millis.map(Timestamp::from_millis) {
            assert_eq!(pushed(|line| moments.push(line, at)), at.to_string());
        }
    }
}
