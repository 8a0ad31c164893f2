//! What a country code stands for, and what people write by mistake for it.

use super::iso_table::COUNTRIES;
use super::location::{Continent, Coordinates, Country};

/// One country of ISO 3166-1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CountryInfo {
    /// Alpha-2 code.
    pub code: Country,
    /// The continent it is counted to.
    pub continent: Continent,
    /// The rough centre of its territory.
    pub middle: Coordinates,
    /// The English short name.
    pub name: &'static str,
}

/// Codes that are no ISO 3166-1 alpha-2 codes, with the one that was meant.
const MISTAKEN: &[(&str, &str)] = &[
    ("UK", "GB"), // exceptionally reserved, and the top-level domain
    ("EN", "GB"),
    ("EL", "GR"), // the European Union's code
    ("SU", "RU"),
    ("YU", "RS"),
    ("CS", "RS"),
    ("AN", "CW"), // the Netherlands Antilles, dissolved 2010
    ("BU", "MM"),
    ("TP", "TL"),
    ("ZR", "CD"),
    ("DD", "DE"),
    ("FX", "FR"),
    ("NT", "SA"),
    ("KO", "KR"), // language codes
    ("JA", "JP"),
    ("DA", "DK"),
    ("SP", "ES"),
    ("SW", "SE"),
    ("USA", "US"),
    ("GBR", "GB"),
    ("DEU", "DE"),
    ("FRA", "FR"),
    ("CAN", "CA"),
    ("CHN", "CN"),
    ("JPN", "JP"),
    ("BRA", "BR"),
    ("IND", "IN"),
    ("AUS", "AU"),
    ("UAE", "AE"),
];

/// Names that people use beside the table's, lower case.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("great britain", "GB"),
    ("britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("holland", "NL"),
    ("the netherlands", "NL"),
    ("usa", "US"),
    ("united states of america", "US"),
    ("america", "US"),
    ("korea", "KR"),
    ("russian federation", "RU"),
    ("turkey", "TR"),
    ("turkiye", "TR"),
    ("czech republic", "CZ"),
    ("ivory coast", "CI"),
    ("vietnam", "VN"),
    ("burma", "MM"),
    ("macedonia", "MK"),
    ("swaziland", "SZ"),
    ("cape verde", "CV"),
    ("east timor", "TL"),
    ("emirates", "AE"),
    ("macau", "MO"),
];

/// The entry of a country; `None` if the code is not in ISO 3166-1.
#[must_use]
pub fn country_by_code(code: Country) -> Option<&'static CountryInfo> {
    COUNTRIES.binary_search_by_key(&code, |country| country.code).ok().map(|index| &COUNTRIES[index])
}

/// The country that someone meant who wrote `text` as its code: a code that is often mistaken, or a name.
#[must_use]
pub fn country_hint(text: &str) -> Option<&'static CountryInfo> {
    let upper = text.to_ascii_uppercase();
    let lower = text.to_lowercase();
    let code = MISTAKEN
        .iter()
        .find(|(wrong, _)| *wrong == upper)
        .or_else(|| OTHER_NAMES.iter().find(|(name, _)| *name == lower))
        .map(|(_, right)| *right);
    match code {
        Some(code) => country_by_code(Country::parse(code)?),
        None => COUNTRIES.iter().find(|country| country.name.to_lowercase() == lower),
    }
}

/// The continent of a country, also of the two area codes that old databases use (`EU`, `AP`).
pub(super) fn continent_of(code: Country) -> Option<Continent> {
    match &code.0 {
        b"EU" => Some(Continent(*b"EU")),
        b"AP" => Some(Continent(*b"AS")),
        _ => country_by_code(code).map(|country| country.continent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_unique_and_of_valid_places() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(COUNTRIES.len(), 250, "249 of ISO 3166-1 and Kosovo");
        for country in COUNTRIES {
            assert!(Continent::ALL.contains(&country.continent), "{}", country.name);
            assert!(Coordinates::new(country.middle.latitude, country.middle.longitude).is_some());
        }
    }

    #[test]
    fn codes_and_names_that_people_mistake_lead_to_the_right_country() {
        for (wrong, right) in [("UK", "GB"), ("uk", "GB"), ("Germany", "DE"), ("Turkey", "TR"), ("EL", "GR")] {
            assert_eq!(country_hint(wrong).map(|c| c.code), Country::parse(right), "{wrong}");
        }
        assert!(MISTAKEN.iter().all(|(_, right)| Country::parse(right).and_then(country_by_code).is_some()));
        assert!(OTHER_NAMES.iter().all(|(_, right)| Country::parse(right).and_then(country_by_code).is_some()));
        for (wrong, _) in MISTAKEN {
            assert!(Country::parse(wrong).is_none_or(|code| country_by_code(code).is_none()), "{wrong} is a code");
        }
    }
}
