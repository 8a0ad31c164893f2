//! The table of codes: stable names for kinds of mistakes, each with a line that explains it. Codes are
//! never renumbered; a retired one stays free. `docs/errors.md` has an example of each, and what to do.

use super::diagnostic::Severity;

/// What there is to know of a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// `E021`, `W014`, …
    pub code: &'static str,
    /// Of every mistake with this code.
    pub severity: Severity,
    /// One line that explains it.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $explanation:literal)*) => {
        /// A kind of mistake.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $explanation] $name,)*
        }

        /// Every code, in the order of [`Code`].
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: $code, severity: Severity::$severity, explanation: $explanation },)*
        ];
    };
}

impl Code {
    /// Its entry of the table.
    #[must_use]
    pub fn info(self) -> &'static CodeInfo {
        &CODES[self as usize]
    }
}

codes! {
    Unreadable "E001" Error "a file cannot be read: it is missing, too large, not UTF-8, or not permitted"
    Syntax "E002" Error "the text is not TOML"
    UnknownKey "E003" Error "a key that this table does not have"
    NotInThisVersion "E004" Error "a key or value that the format knows and this version of the server does not serve yet"
    WrongType "E005" Error "a value of the wrong type"
    MissingKey "E006" Error "a key that must be there is missing"
    OutOfRange "E007" Error "a number or a length outside of its limits"
    BadValue "E008" Error "a value that is not one of the words or forms allowed here"
    DefinedTwice "E009" Error "the same thing is defined twice"
    BadTime "E010" Error "not a time: whole seconds, or a number with s, m, h, d or w"
    BadName "E011" Error "not a domain name"
    OutsideZone "E012" Error "a name that does not stand within the zone"
    NoZone "E013" Error "no zone: nothing to serve in the files given"
    BadVersion "E014" Error "a format that this version does not read"
    NotAllowed "E015" Error "something that only the server file can allow"

    NotACountry "E021" Error "not an ISO 3166-1 alpha-2 country code"
    NotAContinent "E022" Error "not a continent code: AF AN AS EU NA OC SA"
    NotASubdivision "E023" Error "not an ISO 3166-2 subdivision code"
    NotANetwork "E024" Error "not a network in CIDR form"
    NotAnAsn "E025" Error "not an autonomous system number"
    SelectorTwice "E026" Error "the same selector stands in two regions, so that it would not say which one is meant"
    EmptyRegion "E027" Error "a region without any selector"
    ReservedName "E028" Error "a name that has a meaning of its own"

    UnknownRegion "E031" Error "a policy names a region that the zone does not have"
    UnknownPool "E032" Error "a pool that the zone does not have"
    UnknownCheck "E033" Error "a check that the zone does not have"
    UnknownPolicy "E034" Error "a policy that the zone does not have"
    NoDefault "E035" Error "a policy without a `default` row: clients of no region would get no answer"
    EmptyRow "E036" Error "a row without pools"
    BadFallback "E037" Error "a fallback that would break the policy's own promise"
    UnknownTsigKey "E038" Error "a TSIG key that the server file does not have"

    NotAnAddress "E041" Error "not an IPv4 or IPv6 address"
    EndpointTwice "E042" Error "an endpoint is listed twice in its pool"
    NoAddress "E043" Error "an endpoint without an address or a hostname"
    TooFewEndpoints "E044" Error "a pool without endpoints, or with fewer than `min_healthy`"
    BadUrl "E045" Error "not a URL that can be checked"
    MixedKinds "E046" Error "addresses and hostnames in one pool or one name: it is either of A/AAAA or of CNAME type"
    BadLocation "E047" Error "not a place: [latitude, longitude] in degrees"
    NoLoadCheck "E048" Error "a `load` that no check of the pool could tell"

    RecordSyntax "E051" Error "a line of zone text cannot be read"
    RecordConflict "E052" Error "static records that cannot stand together (RFC 1034 §3.6.2, RFC 2181 §5, RFC 6672 §2.4)"
    BalancedConflict "E053" Error "a balanced name that also has static records of its types, or a CNAME"
    BelowCut "E054" Error "a balanced name at or below a delegation or a DNAME: it would never be asked here"
    CnameAtApex "E055" Error "a CNAME-type name at the zone's apex or beside other records (RFC 1034 §3.6.2)"
    NsWithoutAddress "E056" Error "a name server inside the zone without an address"
    SoaTwice "E057" Error "the zone's SOA or NS come from two places"
    NoNs "E058" Error "a zone without a name server"
    IncludeTrouble "E059" Error "an $INCLUDE that leaves its folder, goes round in a circle or nests too deeply"
    CnameLoop "E060" Error "an endpoint's hostname is the name that would answer with it"
    NoTarget "E061" Error "a name with service records, and an endpoint that has nothing for them"
    DependsLoop "E062" Error "pools that depend on each other in a circle, or on themselves"
    TypeForSome "E063" Error "a type that exists for some clients only, in a signed zone"

    TestFails "E071" Error "a routing test that is not answered as it says"

    NaIsNamibia "W014" Warning "\"NA\" as a country means Namibia"
    RegionUnused "W031" Warning "a region that no policy has a row for"
    PoolUnused "W032" Warning "a pool that no policy and no fallback names"
    CheckUnused "W033" Warning "a check that no pool names"
    PolicyUnused "W034" Warning "a policy that no name uses"
    FamilyMissing "W035" Warning "some clients get no address of a family that others get"
    NoNames "W036" Warning "a zone without names and without records"
    FallIsOne "W041" Warning "one lost packet takes an endpoint down"
    NoWeight "W042" Warning "all weights are 0"
    NoCheck "W043" Warning "a pool without a check: its endpoints always count as up"
    TightTiming "W044" Warning "a check's timeout is longer than its interval"
    NoLocation "W045" Warning "a choice by nearness among places that are not known"
    ManyAnswers "W046" Warning "more answers asked for than there are, or can be"
    NotSpread "W047" Warning "answers that cannot be spread over failure domains as asked"
    NoLoad "W048" Warning "a choice by load in a pool without `load`"
    FarApart "W049" Warning "times measured from here compared among endpoints of different places"
    LongNetwork "W051" Warning "a network longer than the longest scope: for client subnets it counts as part of its block"
    SelectorRepeated "W052" Warning "a selector stands twice in one region"
    LooksAbsolute "W053" Warning "a relative name that ends with the zone's own name"
    GlueMissing "W054" Warning "a delegation to a name inside of it without its address (glue)"
    NotDelegated "W055" Warning "a zone inside another one of these files, which has no NS records for it"
    NotUsed "W061" Warning "a section that nothing uses"
    TtlRaised "W062" Warning "records of one set with different TTLs: the smallest counts (RFC 2181 §5.2)"
    NoFiles "W063" Warning "a directory without zone files"
    PlainSecondary "W064" Warning "a zone with balanced names for secondaries, which know no steering"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_their_letter_is_their_severity() {
        let mut seen = std::collections::HashSet::new();
        for info in CODES {
            assert!(seen.insert(info.code), "{} twice", info.code);
            assert_eq!(info.code.starts_with('E'), info.severity == Severity::Error, "{}", info.code);
            assert!(info.code.len() == 4 && !info.explanation.ends_with('.'));
        }
    }
}
