//! ISO 3166-2 codes from what databases write: a full code, the part behind the hyphen, or an English name.

use super::location::{Country, Subdivision};

/// Names by country, for databases that have no codes.
const NAMES: &[(&str, &[(&str, &str)])] = &[("AU", AUSTRALIA), ("CA", CANADA), ("GB", BRITAIN), ("US", UNITED_STATES)];

const AUSTRALIA: &[(&str, &str)] = &[
    ("ACT", "Australian Capital Territory"),
    ("NSW", "New South Wales"),
    ("NT", "Northern Territory"),
    ("QLD", "Queensland"),
    ("SA", "South Australia"),
    ("TAS", "Tasmania"),
    ("VIC", "Victoria"),
    ("WA", "Western Australia"),
];

const BRITAIN: &[(&str, &str)] =
    &[("ENG", "England"), ("NIR", "Northern Ireland"), ("SCT", "Scotland"), ("WLS", "Wales")];

const CANADA: &[(&str, &str)] = &[
    ("AB", "Alberta"),
    ("BC", "British Columbia"),
    ("MB", "Manitoba"),
    ("NB", "New Brunswick"),
    ("NL", "Newfoundland and Labrador"),
    ("NS", "Nova Scotia"),
    ("NT", "Northwest Territories"),
    ("NU", "Nunavut"),
    ("ON", "Ontario"),
    ("PE", "Prince Edward Island"),
    ("QC", "Quebec"),
    ("SK", "Saskatchewan"),
    ("YT", "Yukon"),
];

const UNITED_STATES: &[(&str, &str)] = &[
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DC", "District of Columbia"),
    ("DC", "Washington, D.C."),
    ("DE", "Delaware"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
];

/// The subdivision of `country` that a database calls `text`. A name without a known code is none: it could
/// match no selector.
pub(super) fn parse(country: Country, text: &str) -> Option<Subdivision> {
    let prefix = country.to_string();
    if let Some((_, names)) = NAMES.iter().find(|(code, _)| *code == prefix)
        && let Some((code, _)) = names.iter().find(|(_, name)| name.eq_ignore_ascii_case(text))
    {
        return Some(Subdivision(format!("{prefix}-{code}").into()));
    }
    let upper = text.trim().to_ascii_uppercase();
    let code = upper.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or(&upper);
    let is_code = matches!(code.len(), 1..=3) && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_code.then(|| Subdivision(format!("{prefix}-{code}").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_full_codes_and_names_lead_to_one_subdivision() {
        let us = Country(*b"US");
        for text in ["CA", "US-CA", "ca", "California", "california"] {
            assert_eq!(parse(us, text), Some(Subdivision("US-CA".into())), "{text}");
        }
        assert_eq!(parse(Country(*b"CA"), "British Columbia"), Some(Subdivision("CA-BC".into())));
        assert_eq!(parse(us, "Atlantis"), None);
        assert_eq!(parse(us, ""), None);
    }
}
