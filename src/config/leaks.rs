//! `[leaks]`: whose alerts about found tokens are believed.

use super::secret::{self, Surroundings};
use super::settings::{KeySource, Leaks, Scheme, WebUrl};
use super::table::{Mistake, Reader};
use super::tree::Node;
use super::value;
use super::web_url;

enum Written {
    File(std::path::PathBuf),
    Url(WebUrl),
}

pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Leaks> {
    let mut table = root.section("leaks")?;
    let keys = table.field("github_keys", |node| source(node, around)).optional();
    let url = match &keys {
        Some(Some(Written::Url(url))) => Some(url),
        _ => None,
    };
    let trust = web_url::trust(&mut table, url, "github_keys", around);
    table.finish();
    let (ca, allow_private) = trust?;
    let github_keys = keys?.map(|keys| match keys {
        Written::File(path) => KeySource::File(path),
        Written::Url(url) => KeySource::Url { url, ca, allow_private },
    });
    Some(Leaks { github_keys })
}

/// A URL, or else the path of a file that has what the URL would answer.
fn source(node: &Node, around: &Surroundings<'_>) -> Result<Written, Mistake> {
    let text = value::text(node)?;
    if text.contains("://") {
        let url = web_url::parse(&text)?;
        debug_assert!(matches!(url.scheme, Scheme::Http | Scheme::Https));
        return Ok(Written::Url(url));
    }
    let path = around.resolve(&text);
    secret::public_file(&path)?;
    Ok(Written::File(path))
}
