//! A new generation beside the present one, for which there is no room.

use keygate::model::{AccountId, TokenId};
use keygate::store::{Expect, Rebuild, RebuildError, Store};

use super::SmallDisk;
use crate::store;

#[tokio::test]
async fn a_rebuild_without_room_says_so_and_leaves_the_store_as_it_was() {
    let disk = SmallDisk::mount(32);
    let mut known = Vec::new();
    let kept = store::open(disk.path());
    for _ in 0..20 {
        let tokens: Vec<_> = (0..500).map(|_| store::token(AccountId::fresh())).collect();
        kept.commit(tokens.iter().map(|token| store::put(token, Expect::Absent)).collect()).await.expect("room");
        known.extend(tokens);
    }
    kept.close().await.expect("closed in order");
    let filler = disk.fill();

    let options = store::options(disk.path());
    let rebuilt = Rebuild::begin(options.clone()).map_err(RebuildError::from).and_then(|mut rebuild| {
        rebuild.present()?;
        rebuild.finish()
    });
    let error = rebuilt.expect_err("there is no room").to_string();
    assert!(error.starts_with("store_full: "), "{error}");
    assert!(!disk.path().join("store/data-2").exists(), "the unfinished generation is gone: {error}");

    // On the full disk, and with room.
    for filler in [None, Some(filler)] {
        filler.iter().for_each(|filler| std::fs::remove_file(filler).expect("it is there"));
        let kept = store::open(disk.path());
        for token in &known {
            let found = kept.tokens_by_digest(vec![token.digest]).await.expect("readable").remove(0);
            assert_eq!(found.map(|found| found.id), Some::<TokenId>(token.id));
        }
        kept.close().await.expect("closed in order");
    }
    let mut rebuild = Rebuild::begin(options).expect("there is room");
    rebuild.present().expect("complete");
    assert_eq!(rebuild.finish().expect("there is room").summary.tokens, 10_000);
}
