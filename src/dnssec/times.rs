//! When a key is in use: the times that stand in its private file, with BIND's words for them. They are the whole state
//! of a rollover, so that it moves with the files.

/// What a key does at a time. A rollover takes a key from each to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// The parent is told of it; the zone does not have it yet.
    Announced,
    /// The zone has it; it does not sign yet.
    Published,
    /// It signs.
    Active,
    /// It signs no longer; the zone still has it, for signatures that resolvers remember.
    Retired,
    /// It is out of use.
    Removed,
}

impl Phase {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Published => "published",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Removed => "removed",
        }
    }

    /// True if the zone's DNSKEY records have it.
    #[must_use]
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Published | Self::Active | Self::Retired)
    }
}

/// The times, seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Times {
    /// When it was made.
    pub created: Option<u64>,
    /// When the parent is told of it.
    pub announced: Option<u64>,
    /// When the zone gets it.
    pub published: Option<u64>,
    /// When it begins to sign.
    pub activated: Option<u64>,
    /// When it ends to sign.
    pub retired: Option<u64>,
    /// When the zone loses it.
    pub removed: Option<u64>,
}

/// BIND's words, in the order of its files.
const WORDS: [&str; 6] = ["Created", "Publish", "Activate", "Inactive", "Delete", "SyncPublish"];

impl Times {
    /// What the key does. One without times is in use, as is one that others made and never rolled.
    #[must_use]
    pub fn phase(&self, now: u64) -> Phase {
        let past = |time: Option<u64>| time.is_some_and(|time| time <= now);
        let begins = [self.announced, self.published, self.activated];
        if past(self.removed) {
            Phase::Removed
        } else if past(self.retired) {
            Phase::Retired
        } else if past(self.activated) || begins == [None; 3] {
            Phase::Active
        } else if past(self.published) {
            Phase::Published
        } else {
            Phase::Announced
        }
    }

    /// When it came into its phase, if that is written.
    #[must_use]
    pub fn since(&self, now: u64) -> Option<u64> {
        match self.phase(now) {
            Phase::Announced => self.announced,
            Phase::Published => self.published,
            Phase::Active => self.activated,
            Phase::Retired => self.retired,
            Phase::Removed => self.removed,
        }
    }

    /// The same, come into a phase now.
    #[must_use]
    pub fn become_now(mut self, phase: Phase, now: u64) -> Self {
        let time = match phase {
            Phase::Announced => &mut self.announced,
            Phase::Published => &mut self.published,
            Phase::Active => &mut self.activated,
            Phase::Retired => &mut self.retired,
            Phase::Removed => &mut self.removed,
        };
        *time = Some(now);
        self
    }

    fn all(&self) -> [Option<u64>; 6] {
        [self.created, self.published, self.activated, self.retired, self.removed, self.announced]
    }

    /// The lines of a private file.
    #[must_use]
    pub fn lines(&self) -> String {
        let pairs = WORDS.into_iter().zip(self.all());
        pairs.filter_map(|(word, time)| Some(format!("{word}: {}\n", written(time?)))).collect()
    }

    /// Reads them from a private file; what cannot be read is as if it were not there.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let find = |word: &str| {
            let after = |line: &str| read(line.strip_prefix(word)?.strip_prefix(':')?.trim());
            text.lines().find_map(after)
        };
        let [created, published, activated, retired, removed, announced] = WORDS.map(find);
        Self { created, announced, published, activated, retired, removed }
    }
}

/// YYYYMMDDHHMMSS in UTC.
fn written(at: u64) -> String {
    let (days, of_day) = (at / 86_400, at % 86_400);
    let mut year = 1970;
    let mut left = days;
    while left >= year_length(year) {
        left -= year_length(year);
        year += 1;
    }
    let mut month = 1;
    while left >= month_length(year, month) {
        left -= month_length(year, month);
        month += 1;
    }
    format!("{year:04}{month:02}{:02}{:02}{:02}{:02}", left + 1, of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

fn read(text: &str) -> Option<u64> {
    let text = text.get(..14).filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=month_length(year, month)).contains(&day) {
        return None;
    }
    let days = (1970..year).map(year_length).sum::<u64>() + (1..month).map(|one| month_length(year, one)).sum::<u64>();
    Some((days + day - 1) * 86_400 + number(8..10)? * 3_600 + number(10..12)? * 60 + number(12..14)?)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

const fn year_length(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn month_length(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_written() {
        for (at, text) in [
            (0, "19700101000000"),
            (951_782_400, "20000229000000"),
            (1_138_406_399, "20060127235959"),
            (1_798_761_600, "20270101000000"),
            (4_107_542_400, "21000301000000"),
        ] {
            assert_eq!((written(at), read(text)), (text.to_owned(), Some(at)));
        }
        for bad in ["", "2026", "20260230000000", "20261301000000", "2026010100000x", "19690101000000"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let times = Times { created: Some(5), activated: Some(1_138_406_399), ..Times::default() };
        assert_eq!(times.lines(), "Created: 19700101000005\nActivate: 20060127235959\n");
        assert_eq!(Times::read(&times.lines()), times);
        assert_eq!(
            Times::read("Publish: never\nActivate: 20060127235959 (Fri Jan 27)\n").activated,
            Some(1_138_406_399)
        );
    }

    #[test]
    fn a_key_goes_from_phase_to_phase() {
        assert_eq!(Times::default().phase(0), Phase::Active);
        let mut times = Times { created: Some(1), ..Times::default() };
        assert_eq!(times.phase(9), Phase::Active, "made by others, never rolled");
        let phases = [Phase::Announced, Phase::Published, Phase::Active, Phase::Retired, Phase::Removed];
        for (step, phase) in phases.into_iter().enumerate() {
            let now = 10 * (step as u64 + 1);
            times = times.become_now(phase, now);
            assert_eq!((times.phase(now), times.since(now)), (phase, Some(now)));
        }
        assert_eq!(
            [5, 15, 25, 35, 45, 55].map(|now| times.phase(now)),
            [Phase::Announced, Phase::Announced, Phase::Published, Phase::Active, Phase::Retired, Phase::Removed]
        );
    }
}
