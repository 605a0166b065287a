//! `[admin]`: how often the management API may be called.

use super::limit;
use super::settings::AdminSettings;
use super::table::Reader;

/// Five hundred calls a second by one token: more than a script makes that is not out of hand.
const EACH_TOKEN: u32 = 30_000;
/// By an address without a token that is known, which people need for a login now and then.
const EACH_ADDRESS: u32 = 3_000;

pub(super) fn read(root: &mut Reader<'_>) -> Option<AdminSettings> {
    let mut table = root.section("admin")?;
    let rate_limit = limit::quota_or(&mut table, "rate_limit", EACH_TOKEN);
    let address_rate_limit = limit::quota_or(&mut table, "address_rate_limit", EACH_ADDRESS);
    table.finish();
    Some(AdminSettings { rate_limit: rate_limit?, address_rate_limit: address_rate_limit? })
}
