//! A large store, made as a restore would make it, and tokens of it to present.

use std::fs;
use std::path::Path;

use keygate::model::{Kind, Pepper, Token, TokenHasher, TokenPrefix, TokenText, Usage};
use keygate::store::{Rebuild, Record, SledOptions};

use crate::Outcome;
use crate::records;

/// Makes a store of so many tokens in place of the one that `init` made in this directory, and gives the texts of the
/// first `used`. Of the others nobody has the text.
pub fn fill(folder: &Path, tokens: u64, used: u64) -> Outcome<Vec<String>> {
    let pepper = Pepper::from_material(&fs::read(folder.join("pepper"))?)?;
    let hasher = TokenHasher::new(&pepper);
    let mut rebuild = Rebuild::begin(SledOptions::new(folder.join("data"), *pepper.derive(SledOptions::SECRET)))?;
    rebuild.put(Record::Account(records::account()))?;
    let mut texts = Vec::new();
    for number in 0..tokens {
        let mut token = records::token(number);
        if number < used {
            let text = TokenText::generate(&TokenPrefix::default(), Kind::Service)?;
            token = Token { digest: hasher.digest(text.expose()), hint: text.hint(), ..token };
            texts.push(text.expose().to_owned());
        }
        rebuild.put(Record::Token(token, Usage::default()))?;
        if number % 500_000 == 499_999 {
            eprintln!("  {} tokens", number + 1);
        }
    }
    let made = rebuild.finish()?.summary.tokens;
    if made == tokens { Ok(texts) } else { Err(format!("{made} tokens in place of {tokens}").into()) }
}
