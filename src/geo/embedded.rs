//! The country database that is part of the binary: DB-IP Lite, CC BY 4.0 (see `geodb/README.md`).

use super::databases::GeoError;
use super::mmdb::Database;
use std::io::Read;

/// `geodb/dbip-country.mmdb`, compressed with zstd.
const COMPRESSED: &[u8] = include_bytes!("../../geodb/dbip-country.mmdb.zst");

/// Largest size decompressed, octets; larger means a broken build.
const SIZE_MAX: u64 = 64 << 20;

/// Decompresses and checks it.
pub(super) fn database() -> Result<Database, GeoError> {
    let fail = |error: std::io::Error| GeoError(format!("embedded: {error}").into());
    let decoder = zstd::Decoder::new(COMPRESSED).map_err(fail)?;
    let mut bytes = Vec::with_capacity(9 << 20);
    decoder.take(SIZE_MAX).read_to_end(&mut bytes).map_err(fail)?;
    bytes.shrink_to_fit();
    Database::new("embedded", bytes)
}
