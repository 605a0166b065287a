//! One request, as the probe sends it and as wrk does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::Outcome;
use crate::exchange::{Answer, Door};

/// What every target is asked for.
pub const PATH: &str = "/v1/devices/42";

/// Requests are made before the first is sent, so that one is as cheap as another.
const TURNS: &str = r#"local requests, last = {}, 0
function init(arguments)
  for token in io.lines("TURNS") do
    requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. token })
  end
  last = tonumber(arguments[1])
end
function request()
  last = last % #requests + 1
  return requests[last]
end
"#;

/// Tokens, and whose turn it is.
#[derive(Debug, Clone)]
pub struct Turns {
    pub file: PathBuf,
    /// How many requests there were: each run goes on where the one before it ended.
    pub taken: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    pub token: Option<String>,
    /// Tokens that are presented in turn, in place of that one.
    pub turns: Option<Turns>,
    /// Bytes of body.
    pub body: u32,
}

impl Request {
    /// Sends it once.
    pub fn send(&self, door: &Door) -> Outcome<Answer> {
        door.exchange(self.method, PATH, self.token.as_deref(), &"x".repeat(self.body as usize))
    }

    /// wrk's script, where its options are not enough.
    pub fn script(&self, folder: &Path) -> Outcome<Option<PathBuf>> {
        if let Some(turns) = &self.turns {
            let file = folder.join("wrk-turns.lua");
            fs::write(&file, TURNS.replace("TURNS", &turns.file.display().to_string()))?;
            return Ok(Some(file));
        }
        if self.method == "GET" && self.body == 0 {
            return Ok(None);
        }
        let mut text = format!("wrk.method = \"{}\"\n", self.method);
        if self.body > 0 {
            text += &format!("wrk.body = string.rep(\"x\", {})\n", self.body);
            text += "wrk.headers[\"Content-Type\"] = \"application/octet-stream\"\n";
        }
        let file = folder.join(format!("wrk-{}.lua", self.method));
        fs::write(&file, text)?;
        Ok(Some(file))
    }

    /// The body as a file, where there is one.
    pub fn body_file(&self, folder: &Path) -> Outcome<Option<PathBuf>> {
        if self.body == 0 {
            return Ok(None);
        }
        let file = folder.join("body");
        fs::write(&file, "x".repeat(self.body as usize))?;
        Ok(Some(file))
    }
}
