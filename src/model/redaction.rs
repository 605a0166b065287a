//! Tokens in texts that are shown or written down: taken out, of whichever installation they are.

use std::borrow::Cow;

use super::token::Kind;

/// What stands in place of a token.
const MARK: &str = "[token]";
/// Fewer characters behind a kind are an ordinary word.
const SHORTEST: usize = 20;

/// `text` with each text of a token, also one that was cut or garbled, as `[token]`.
pub fn without_tokens(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut out = String::new();
    while let Some((start, end)) = first_token(rest) {
        out.push_str(&rest[..start]);
        out.push_str(MARK);
        rest = &rest[end..];
    }
    if out.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the first one stands: `acme_svc_…`, or `acme_inv_…`, an invitation.
fn first_token(text: &str) -> Option<(usize, usize)> {
    let kinds = Kind::ALL.into_iter().map(Kind::letters).chain(["inv"]);
    let token = |kind: &str| {
        let mark = format!("_{kind}_");
        text.match_indices(&mark).find_map(|(at, _)| {
            let before = text[..at].bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
            let from = at + mark.len();
            let behind = text[from..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            (before > 0 && behind >= SHORTEST).then_some((at - before, from + behind))
        })
    };
    kinds.filter_map(token).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(kind: &str, body: &str) -> String {
        ["kg", kind, body].join("_")
    }

    #[test]
    fn each_token_is_taken_out_and_nothing_else() {
        let body = "000000000000000000000000000000abcdef";
        let (svc, pat) = (token("svc", body), token("pat", &body[..24]));
        let text =
            format!("'{svc}' found, and acme_{svc}/x{pat}é; tok_0353ZTR7tDgnAWOIc4L5z2 kg_svc_short _svc_{body}");
        let expected = "'[token]' found, and acme_[token]/[token]é; tok_0353ZTR7tDgnAWOIc4L5z2 kg_svc_short _svc_";
        assert_eq!(without_tokens(&text), format!("{expected}{body}"));
        assert_eq!(without_tokens(&token("inv", &format!("{body}{body}"))), MARK);
        assert!(matches!(without_tokens("nothing to hide"), Cow::Borrowed("nothing to hide")));
    }
}
