//! Files that somebody wrote: the configuration, and a copy of a store.

use std::collections::BTreeMap;
use std::path::Path;

use keygate::config;
use keygate::store::{ExchangeError, ExchangeReader};

/// A configuration is settings without a problem, or a report that says where.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let path = Path::new("/nowhere/keygate.toml");
    if let Err(problems) = config::read(text, path, &BTreeMap::new()) {
        let report = problems.to_string();
        assert!(report.contains("keygate.toml"), "the report does not say which file: {report}");
    }
}

/// A file is read to its end, or refused with the line that is at fault.
pub fn exchange(bytes: &[u8]) {
    let Ok(mut reader) = ExchangeReader::open(bytes) else { return };
    let most = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
    let mut last = 1;
    loop {
        match reader.next_entry() {
            Ok(None) => return,
            Ok(Some(entry)) => {
                assert!(last < entry.line && entry.line <= most, "line {} behind {last}", entry.line);
                last = entry.line;
            }
            Err(ExchangeError::Flawed { line, .. }) => {
                assert!(last <= line && line <= most + 1, "line {line} of {most}");
                return;
            }
            Err(_) => return,
        }
    }
}
