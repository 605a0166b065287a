//! Records survive their bytes, and no bytes make the reader panic.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Access, Account, AccountId, AccountState, Day, Digest, Filters, Grants, Invitation, Kind, Labels, Life, Membership,
    OldSecret, Quota, Revision, RoleName, Rotation, SecretUse, Seen, State, Timestamp, Token, TokenId, Turn, TurnKind,
    Usage, User, UserId, UserState,
};

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn token_id() -> impl Strategy<Value = TokenId> {
    any::<[u8; 16]>().prop_map(TokenId::from_bytes)
}

fn account_id() -> impl Strategy<Value = AccountId> {
    any::<[u8; 16]>().prop_map(AccountId::from_bytes)
}

fn user_id() -> impl Strategy<Value = UserId> {
    any::<[u8; 16]>().prop_map(UserId::from_bytes)
}

fn roles() -> impl Strategy<Value = Vec<RoleName>> {
    prop::collection::vec("[a-z][a-z0-9_-]{0,9}".prop_map(|name| name.parse().expect("a name")), 0..3)
}

fn filters() -> impl Strategy<Value = Filters> {
    let values = prop::collection::vec("[^\\p{Cc}]{1,20}", 1..4);
    prop::collection::btree_map("[a-zA-Z][a-zA-Z0-9_.-]{0,9}", values, 0..3)
        .prop_map(|entries| Filters::new(entries).expect("lawful filters"))
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map("([a-z]{1,9}/)?[a-zA-Z0-9]{1,9}", "[a-zA-Z0-9]{0,9}", 0..3)
        .prop_map(|entries| Labels::new(entries).expect("lawful labels"))
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Active), Just(State::Disabled), timestamp().prop_map(|at| State::Revoked { at })]
}

fn grants() -> impl Strategy<Value = Grants> {
    let grant = ("[a-z][a-z0-9_.-]{0,12}|\\*|keygate\\.\\*", 0u8..16)
        .prop_map(|(name, bits)| (name.parse().expect("a lawful name"), Access::from_bits(bits).expect("four bits")));
    prop::collection::vec(grant, 0..5).prop_map(Grants::new)
}

fn quota() -> impl Strategy<Value = Quota> {
    (1u32..1_000_000, 1u64..2_678_400, 0u32..1_000_000_000).prop_map(|(requests, secs, nanos)| {
        let window = Duration::new(secs, nanos).min(Duration::from_secs(2_678_400));
        Quota::new(requests, window).expect("a lawful quota")
    })
}

fn rotation() -> impl Strategy<Value = Rotation> {
    let since = || prop::option::of(timestamp());
    let life =
        (any::<bool>(), timestamp()).prop_map(|(ended, at)| if ended { Life::Ended(at) } else { Life::Until(at) });
    let old = (any::<u32>(), since(), any::<String>(), any::<[u8; 32]>(), prop::option::of(any::<Vec<u8>>()));
    let old = (old, timestamp(), life).prop_map(|((number, since, hint, digest, sealed), replaced, life)| OldSecret {
        number,
        since,
        hint,
        digest: Digest::from_bytes(digest),
        sealed: sealed.map(Vec::into_boxed_slice),
        replaced,
        life,
    });
    let what = prop::sample::select(&[TurnKind::Rotated, TurnKind::Undone]);
    let turn = (timestamp(), prop::option::of(token_id()), what, any::<String>())
        .prop_map(|(at, by, what, hint)| Turn { at, by, what, hint });
    (any::<u32>(), since(), old, prop::collection::vec(turn, 0..20))
        .prop_map(|(number, since, old, history)| Rotation { number, since, old, history })
}

pub(in crate::store) fn token() -> impl Strategy<Value = Token> {
    let names = (token_id(), account_id(), prop::sample::select(&Kind::ALL), any::<String>(), any::<String>());
    let rights = (grants(), state(), prop::option::of(quota()));
    let dates = (prop::option::of(timestamp()), prop::option::of(timestamp()), timestamp());
    let rest = (prop::option::of(token_id()), "[a-zA-Z0-9]{4}", any::<[u8; 32]>(), any::<u64>());
    let sealed = prop::option::of(any::<Vec<u8>>());
    let later = (roles(), prop::option::of(user_id()), filters(), sealed, prop::option::of(rotation()), labels());
    (names, rights, dates, rest, later).prop_map(|(names, rights, dates, rest, later)| Token {
        id: names.0,
        account: names.1,
        kind: names.2,
        name: names.3,
        description: names.4,
        grants: rights.0,
        state: rights.1,
        rate_limit: rights.2,
        not_before: dates.0,
        expires: dates.1,
        created: dates.2,
        created_by: rest.0,
        hint: rest.1,
        digest: Digest::from_bytes(rest.2),
        rotation: later.4.map(Box::new),
        revision: Revision(rest.3),
        roles: later.0,
        user: later.1,
        filters: later.2,
        sealed: later.3.map(Vec::into_boxed_slice),
        labels: later.5,
    })
}

pub(in crate::store) fn account() -> impl Strategy<Value = Account> {
    let names = (account_id(), prop::option::of(account_id()), any::<String>());
    let dates = (timestamp(), any::<u64>());
    let later = (prop::option::of(grants()), prop::option::of("[a-z][a-z0-9_-]{0,9}"), labels());
    (names, any::<[bool; 2]>(), dates, later).prop_map(
        |((id, parent, name), [active, visible_to_parent], (created, revision), (ceiling, word, labels))| Account {
            id,
            parent,
            name,
            state: if active { AccountState::Active } else { AccountState::Suspended },
            visible_to_parent,
            created,
            revision: Revision(revision),
            ceiling,
            plan: word.as_ref().map(|word| word.parse().expect("a name")),
            policy: word.map(|word| word.parse().expect("a name")),
            labels,
        },
    )
}

pub(in crate::store) fn user() -> impl Strategy<Value = User> {
    let names = (user_id(), account_id(), "[a-z0-9.@]{1,20}", any::<String>());
    let secrets = (prop::option::of(any::<String>()), prop::option::of((any::<[u8; 32]>(), timestamp())));
    let memberships = prop::collection::vec((account_id(), roles()), 0..4);
    let dates = (timestamp(), timestamp(), any::<u64>());
    (names, secrets, any::<bool>(), memberships, dates).prop_map(|(names, secrets, active, memberships, dates)| User {
        id: names.0,
        account: names.1,
        login: names.2.parse().expect("a login"),
        name: names.3,
        password: secrets.0,
        invitation: secrets.1.map(|(digest, expires)| Invitation { digest: Digest::from_bytes(digest), expires }),
        state: if active { UserState::Active } else { UserState::Disabled },
        memberships: memberships.into_iter().map(|(account, roles)| Membership { account, roles }).collect(),
        sessions_since: dates.0,
        created: dates.1,
        revision: Revision(dates.2),
    })
}

proptest! {
    #[test]
    fn tokens_survive_their_record(token in token()) {
        prop_assert_eq!(Token::decode(&token.encode()), Ok(token));
    }

    #[test]
    fn what_a_token_is_found_by_is_found_in_its_record(token in token()) {
        let record = token.encode();
        let found = indexed(&record).expect("a whole record");
        prop_assert_eq!(found.account, token.account);
        prop_assert_eq!(found.digests().collect::<Vec<_>>(), token.digests().collect::<Vec<_>>());
    }

    #[test]
    fn accounts_survive_their_record(account in account()) {
        prop_assert_eq!(Account::decode(&account.encode()), Ok(account));
    }

    #[test]
    fn users_survive_their_record(user in user()) {
        prop_assert_eq!(User::decode(&user.encode()), Ok(user));
    }

    #[test]
    fn usage_survives_its_record(
        requests: u64,
        last_used in prop::option::of(timestamp()),
        days in prop::collection::vec(any::<(u32, u64)>(), 0..4),
        routes in prop::collection::vec((".{0,20}", any::<u64>(), timestamp()), 0..4),
        peers in prop::collection::vec((any::<std::net::IpAddr>(), any::<u64>(), timestamp()), 0..4),
        secrets in prop::collection::vec((any::<u32>(), any::<u64>(), timestamp()), 0..4),
    ) {
        let usage = Usage {
            days: days.into_iter().map(|(day, requests)| (Day(day), requests)).collect(),
            routes: routes.into_iter().map(|(what, requests, last)| Seen { what: what.into(), requests, last }).collect(),
            peers: peers.into_iter().map(|(what, requests, last)| Seen { what, requests, last }).collect(),
            secrets: secrets.into_iter().map(|(number, requests, last)| SecretUse { number, requests, last }).collect(),
            ..Usage::new(requests, last_used)
        };
        prop_assert_eq!(Usage::decode(&usage.encode()), Ok(usage));
    }

    #[test]
    fn any_flipped_bit_is_noticed(token in token(), at: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = token.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(Token::decode(&bytes), Err(Problem::Checksum));
    }

    #[test]
    fn any_cut_is_noticed(token in token(), at: prop::sample::Index) {
        let bytes = token.encode();
        prop_assert!(Token::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    /// Also below the checksum, which damage does not get past but a foreign writer might.
    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        for bytes in [bytes.clone(), seal(&bytes)] {
            prop_assert!(Token::decode(&bytes).is_err());
            prop_assert!(Account::decode(&bytes).is_err());
            prop_assert!(Usage::decode(&bytes).is_err());
        }
    }
}

#[test]
fn a_later_version_is_told_from_damage() {
    let mut later = vec![VERSION + 1, 0xc0];
    let checksum = checksum(&later);
    later.extend(checksum);
    assert_eq!(Usage::decode(&later), Err(Problem::Version(VERSION + 1)));
    let told = format!("its version is {}, and this one of keygate reads {VERSION}", VERSION + 1);
    assert_eq!(Usage::decode(&later).unwrap_err().to_string(), told);
}

#[test]
fn bare_values_and_a_tail_are_refused() {
    let unnamed = seal(&[0x92, 0, 0]);
    assert_eq!(Usage::decode(&unnamed), Err(Problem::Contents("its fields have no names".to_owned())));
    let tail = seal(&[&[0x82][..], b"\xa8requests\x05\xa9last_used\xc0", b"\x00"].concat());
    assert_eq!(Usage::decode(&tail), Err(Problem::Contents("something follows the record".to_owned())));
}

#[test]
fn an_unknown_field_is_refused() {
    let record = seal(&[&[0x83][..], b"\xa8requests\x05\xa9last_used\xc0\xa3new\x01"].concat());
    assert!(matches!(Usage::decode(&record), Err(Problem::Contents(text)) if text.contains("unknown field `new`")));
}

/// Records as earlier versions wrote them, each in the directory of its version. They never change: every later
/// version reads them.
mod written_by_earlier_versions {
    use super::*;

    #[test]
    fn token_with_everything() {
        check(include_str!("v1/token_full.hex"), &full_token());
    }

    #[test]
    fn token_with_as_little_as_can_be() {
        check(include_str!("v1/token_plain.hex"), &plain_token());
    }

    #[test]
    fn account() {
        let account = Account {
            id: AccountId::from_bytes([9; 16]),
            parent: Some(AccountId::from_bytes([8; 16])),
            name: "Acme — staging".to_owned(),
            state: AccountState::Suspended,
            visible_to_parent: true,
            ceiling: None,
            plan: None,
            policy: None,
            labels: Labels::default(),
            created: Timestamp::from_millis(1_795_392_000_123),
            revision: Revision(300),
        };
        check(include_str!("v1/account.hex"), &account);
    }

    #[test]
    fn usage() {
        let usage = Usage::new(1_000_000, Some(Timestamp::from_millis(1_795_392_000_123)));
        check(include_str!("v1/usage.hex"), &usage);
    }

    #[test]
    fn token_with_labels() {
        let labels = [("env", "prod"), ("example.com/team", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let token = Token { labels: Labels::new(labels).expect("lawful"), ..plain_token() };
        check(include_str!("v3/token_labels.hex"), &token);
    }

    pub(super) fn plain_token() -> Token {
        Token {
            id: TokenId::from_bytes([1; 16]),
            account: AccountId::from_bytes([9; 16]),
            kind: Kind::Service,
            name: String::new(),
            description: String::new(),
            grants: Grants::default(),
            roles: Vec::new(),
            user: None,
            filters: Default::default(),
            sealed: None,
            labels: Labels::default(),
            state: State::Active,
            not_before: None,
            expires: None,
            rate_limit: None,
            created: Timestamp::from_millis(0),
            created_by: None,
            hint: "wxyz".to_owned(),
            digest: Digest::from_bytes([7; 32]),
            rotation: None,
            revision: Revision(1),
        }
    }

    fn full_token() -> Token {
        let name = |text: &str| text.parse().expect("a name");
        Token {
            kind: Kind::Shared,
            name: "Grüße".to_owned(),
            description: "for the dashboard".to_owned(),
            grants: Grants::new([(name("devices"), Access::READ_WRITE), (name("keygate.*"), Access::FULL)]),
            state: State::Revoked { at: Timestamp::from_millis(1_795_392_000_124) },
            not_before: Some(Timestamp::from_millis(-1)),
            expires: Some(Timestamp::from_millis(i64::MAX)),
            rate_limit: Some(Quota::new(100, Duration::from_secs(60)).expect("lawful")),
            created_by: Some(TokenId::from_bytes([2; 16])),
            revision: Revision(u64::MAX),
            ..plain_token()
        }
    }

    /// What is read is what was meant, and today's writer still writes the same.
    pub(super) fn check<T: Stored + PartialEq + std::fmt::Debug>(hex: &str, expected: &T) {
        let written: String = expected.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes: Vec<u8> = hex
            .trim()
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(T::decode(&bytes).as_ref(), Ok(expected), "today's writer gives {written}");
        assert_eq!(hex.trim(), written);
    }
}

/// Records as the first version that knows rotations wrote them. They never change either.
mod written_by_version_3 {
    use super::written_by_earlier_versions::{check, plain_token};
    use super::*;

    #[test]
    fn token_that_was_rotated() {
        let old = OldSecret {
            number: 0,
            since: None,
            hint: "abcd".to_owned(),
            digest: Digest::from_bytes([6; 32]),
            sealed: Some([1, 2, 3].into()),
            replaced: Timestamp::from_millis(1_795_392_000_123),
            life: Life::Until(Timestamp::from_millis(1_795_478_400_123)),
        };
        let turn = Turn {
            at: old.replaced,
            by: Some(TokenId::from_bytes([2; 16])),
            what: TurnKind::Rotated,
            hint: "abcd".to_owned(),
        };
        let rotation = Rotation { number: 1, since: Some(old.replaced), old, history: vec![turn] };
        check(include_str!("v3/token_rotated.hex"), &Token { rotation: Some(Box::new(rotation)), ..plain_token() });
    }

    #[test]
    fn token_whose_rotation_was_undone() {
        let at = Timestamp::from_millis(1_795_392_000_123);
        let old = OldSecret {
            number: 1,
            since: Some(at),
            hint: "abcd".to_owned(),
            digest: Digest::from_bytes([6; 32]),
            sealed: None,
            replaced: at,
            life: Life::Ended(at),
        };
        let turn = Turn { at, by: None, what: TurnKind::Undone, hint: "abcd".to_owned() };
        let rotation = Rotation { number: 0, since: None, old, history: vec![turn] };
        check(include_str!("v3/token_undone.hex"), &Token { rotation: Some(Box::new(rotation)), ..plain_token() });
    }

    #[test]
    fn usage_of_two_texts() {
        let last = Timestamp::from_millis(1_795_392_000_123);
        let secrets = vec![SecretUse { number: 0, requests: 3, last }, SecretUse { number: 1, requests: 300, last }];
        check(include_str!("v3/usage.hex"), &Usage { secrets, ..Usage::new(303, Some(last)) });
    }
}
