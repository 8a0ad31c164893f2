//! The secrets of TSIG keys, from their files: base64 alone, or as `tsig-keygen` and `keymgr -t` write them.

use crate::config::TsigKey;
use crate::limits::TSIG_FILE_MAX;
use crate::rights::read_secret;
use crate::tsig::{Key, Keys};
use crate::wire::Name;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads the keys. The second value are warnings: others may read a secret.
///
/// # Errors
/// A file cannot be read or has no secret, or one of another key; it is named.
pub(super) fn keys(settings: &[TsigKey]) -> Result<(Keys, Vec<String>), String> {
    let mut warnings = Vec::new();
    let mut read = |key: &TsigKey| {
        let (bytes, warning) =
            read_secret(&key.secret_file, "the secret", TSIG_FILE_MAX).map_err(|error| error.to_string())?;
        warnings.extend(warning);
        let text = String::from_utf8(bytes).map_err(|_| "not a text".to_owned());
        let secret = text.and_then(|text| secret(&text, key));
        secret
            .and_then(|secret| Key::new(&key.name, key.algorithm, &secret).map_err(|error| error.to_string()))
            .map_err(|why| format!("{}: {why}", key.secret_file.display()))
    };
    let keys = settings.iter().map(&mut read).collect::<Result<Vec<_>, String>>()?;
    Ok((keys.into_iter().collect(), warnings))
}

/// The secret in a file's text. What else the file says of the key must be so.
fn secret(text: &str, key: &TsigKey) -> Result<Vec<u8>, String> {
    let lines = text.lines().map(|line| line.split(['#']).next().unwrap_or_default());
    let is_mark = |c: char| c.is_whitespace() || "\"{};:".contains(c);
    let words: Vec<&str> = lines.flat_map(|line| line.split(is_mark)).filter(|word| !word.is_empty()).collect();
    let after = |word: &str| words.iter().position(|one| *one == word).and_then(|at| words.get(at + 1)).copied();
    if let Some(algorithm) = after("algorithm").filter(|one| !one.eq_ignore_ascii_case(key.algorithm.word())) {
        return Err(format!("the key is for {algorithm}, and the server file says {}", key.algorithm.word()));
    }
    let name = after("key")
        .filter(|_| words.len() > 2)
        .map(|name| if name == "-" { after("id").unwrap_or(name) } else { name });
    if let Some(name) =
        name.filter(|name| Name::parse(name).map(|name| name.to_lowercase()).ok().as_ref() != Some(&key.name))
    {
        return Err(format!("the key is called {name}, and the server file calls it {}", key.name));
    }
    let written = match (after("secret"), &words[..]) {
        (Some(secret), _) => secret,
        (None, [secret]) => secret,
        (None, _) => return Err("no secret: `openssl rand -base64 32` writes one".to_owned()),
    };
    STANDARD.decode(written).map_err(|_| "the secret is not base64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tsig::Algorithm;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn read(text: &str, mode: u32) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let secret_file = folder.path().join("ns2.key");
        fs::write(&secret_file, text).unwrap();
        fs::set_permissions(&secret_file, Permissions::from_mode(mode)).unwrap();
        let name = Name::parse("ns2").unwrap();
        let (keys, warnings) = keys(&[TsigKey { name, algorithm: Algorithm::Sha256, secret_file }])?;
        assert!(keys.find(b"\x03NS2\x00").is_some());
        Ok(warnings)
    }

    #[test]
    fn a_secret_is_read_as_others_write_it() {
        let secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        for text in [
            format!("{secret}\n"),
            format!("# made in May\n  {secret}\n"),
            format!("key \"ns2\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{secret}\";\n}};\n"),
            format!("# hmac-sha256:ns2:x\nkey:\n- id: ns2.\n  algorithm: hmac-sha256\n  secret: {secret}\n"),
        ] {
            assert_eq!(read(&text, 0o600), Ok(Vec::new()), "{text}");
        }
        assert!(read(secret, 0o644).unwrap()[0].contains("chmod 600"));
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_file() {
        let secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        for (text, why) in [
            ("", "no secret"),
            ("abc def", "no secret"),
            ("a?b=", "not base64"),
            ("MDEyMw==", "at least 16 octets"),
            (&format!("key \"ns3\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};"), "is called ns3"),
            (&format!("key \"ns2\" {{ algorithm hmac-md5; secret \"{secret}\"; }};"), "is for hmac-md5"),
        ] {
            let error = read(text, 0o600).unwrap_err();
            assert!(error.contains("ns2.key: ") && error.contains(why), "{error}");
        }
        assert!(read(secret, 0o602).unwrap_err().contains("everybody may write"));
    }
}
