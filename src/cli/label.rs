//! Labels of tokens and accounts as arguments.

use clap::Args;
use serde_json::{Map, Value};

use super::failure::Failure;
use crate::model::Labels;

#[derive(Debug, Default, Args)]
pub(super) struct LabelArgs {
    /// To sort and find it by: `env=prod`; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", group = "change")]
    pub(super) labels: Vec<String>,
}

#[derive(Debug, Default, Args)]
pub(super) struct LabelEditArgs {
    #[command(flatten)]
    pub(super) set: LabelArgs,
    /// Removes a label; may be repeated
    #[arg(long = "unlabel", value_name = "KEY", group = "change")]
    pub(super) removed: Vec<String>,
}

impl LabelArgs {
    /// Puts what is given into a body for the admin API.
    pub(super) fn put(&self, body: &mut Map<String, Value>) -> Result<(), Failure> {
        put(&self.labels, &[], body)
    }
}

impl LabelEditArgs {
    pub(super) fn put(&self, body: &mut Map<String, Value>) -> Result<(), Failure> {
        put(&self.set.labels, &self.removed, body)
    }
}

fn put(set: &[String], removed: &[String], body: &mut Map<String, Value>) -> Result<(), Failure> {
    let mut labels = Vec::with_capacity(set.len() + removed.len());
    for text in set {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--label: `{text}` has no `=`")).hint("write KEY=VALUE, such as env=prod")
        })?;
        labels.push((key.to_owned(), value.to_owned()));
    }
    // What is removed is refused where it could be no label, and where it is set as well.
    let all = labels.iter().cloned().chain(removed.iter().map(|key| (key.clone(), String::new())));
    Labels::new(all).map_err(|error| Failure::usage(format!("--label: {error}")))?;
    let set = labels.into_iter().map(|(key, value)| (key, Value::String(value)));
    let entries: Map<_, _> = set.chain(removed.iter().map(|key| (key.clone(), Value::Null))).collect();
    if !entries.is_empty() {
        body.insert("labels".to_owned(), Value::Object(entries));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edit(set: &[&str], removed: &[&str]) -> Result<Value, Failure> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let args = LabelEditArgs { set: LabelArgs { labels: texts(set) }, removed: texts(removed) };
        let mut body = Map::new();
        args.put(&mut body).map(|()| Value::Object(body))
    }

    #[test]
    fn labels_are_set_and_removed() {
        assert_eq!(
            edit(&["env=prod", "a/b="], &["old"]).unwrap(),
            json!({"labels": {"env": "prod", "a/b": "", "old": null}})
        );
        assert_eq!(edit(&[], &[]).unwrap(), json!({}), "nothing is sent that was not said");
    }

    #[test]
    fn what_no_server_takes_is_refused_here() {
        for (set, removed) in
            [(&["env"][..], &[][..]), (&["e v=x"], &[]), (&["env=a b"], &[]), (&["a=1"], &["a"]), (&[], &["é"])]
        {
            assert_eq!(edit(set, removed).unwrap_err().exit.code(), 2, "{set:?} {removed:?}");
        }
    }
}
