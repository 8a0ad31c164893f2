//! The query of a URL: names and values, percent-decoded.

use super::problem::Problem;

/// The pairs of a query, in order.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query; every name must be one of `known`, so that a mistyped one is not passed over.
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
        let mut pairs = Vec::new();
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(Problem::wrong("the query is not percent-encoded UTF-8"));
            };
            if !known.contains(&&*name) {
                return Err(Problem::wrong(format!("the query has {name:?}; it takes {}", known.join(", "))));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// All values of a name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|pair| pair.0 == name).map(|pair| pair.1.clone()).collect()
    }

    /// The one value of a name, if it is there; of several the last.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|pair| pair.0 == name).map(|pair| &*pair.1)
    }

    /// A value that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, Problem> {
        self.one(name).ok_or_else(|| Problem::wrong(format!("the query lacks {name}")))
    }

    /// A number, if it is there.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let wrong = |text| Problem::wrong(format!("{name} is a number, not {text:?}"));
        self.one(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// A flag: `name`, `name=true` or `name=false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.one(name) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(text) => Err(Problem::wrong(format!("{name} is true or false, not {text:?}"))),
        }
    }
}

/// `+` is a space, `%41` an octet.
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let digit = |octet: u8| char::from(octet).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                (high * 16 + low) as u8
            }
            octet => octet,
        });
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_a_name_that_nobody_knows_is_an_error() {
        let query = Query::read(Some("down=pool%2Flon&down=pool/nyc&at=5&why=a+b"), &["down", "at", "why"]).unwrap();
        assert_eq!(query.all("down"), ["pool/lon", "pool/nyc"]);
        assert_eq!((query.number("at").unwrap(), query.one("why")), (Some(5), Some("a b")));
        assert!(query.needed("name").is_err() && query.number("why").is_err());
        for wrong in ["x=1", "at=%f", "at=%zz", "at=%ff"] {
            assert!(Query::read(Some(wrong), &["at"]).is_err(), "{wrong}");
        }
        assert!(Query::read(None, &[]).unwrap().all("down").is_empty());
    }
}
