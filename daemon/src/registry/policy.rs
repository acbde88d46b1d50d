//! Which versions of a registered model are served. The words are TF Serving's: latest, all, specific.
//!
//! A policy only chooses: it reads no file and loads nothing. What is asked of it again and again is which version to
//! load next, and which of those that are loaded to serve: a version that does not load leaves its place to the one
//! before it, and one that is being loaded takes nobody's place.

use std::collections::BTreeSet;

/// Which versions of one model are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The newest, and every version that an alias or a stage names.
    #[default]
    Named,
    /// All.
    All,
    /// So many of the newest.
    Latest(usize),
    /// Those that aliases name.
    Aliases,
    /// These.
    Specific(BTreeSet<u64>),
}

impl Policy {
    /// Reads `named`, `all`, `latest`, `latest:N`, `aliases` or `specific:1,3`.
    ///
    /// # Errors
    /// What is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once([':', ' ']).map_or((text, None), |(word, rest)| (word, Some(rest.trim())));
        match (word, rest) {
            ("named" | "default", None) => Ok(Self::Named),
            ("all", None) => Ok(Self::All),
            ("aliases", None) => Ok(Self::Aliases),
            ("latest", None) => Ok(Self::Latest(1)),
            ("latest", Some(count)) => match count.parse() {
                Ok(count @ 1..) => Ok(Self::Latest(count)),
                _ => Err(format!("{count:?} is no number of versions: say latest:2")),
            },
            ("specific", Some(list)) => {
                let versions: Result<_, _> =
                    list.split([',', ' ']).filter(|part| !part.is_empty()).map(str::parse).collect();
                versions.map(Self::Specific).map_err(|_| format!("{list:?} is no list of versions: say specific:1,3"))
            }
            _ => Err(format!("{text:?} is none of named, all, latest:N, aliases, specific:1,3")),
        }
    }

    /// The policy as it is configured.
    fn text(&self) -> String {
        match self {
            Self::Named => "named".into(),
            Self::All => "all".into(),
            Self::Latest(count) => format!("latest:{count}"),
            Self::Aliases => "aliases".into(),
            Self::Specific(versions) => {
                let list: Vec<String> = versions.iter().map(u64::to_string).collect();
                format!("specific:{}", list.join(","))
            }
        }
    }

    /// Why a version that it leaves out is not served.
    pub(super) fn reason(&self) -> String {
        format!("not served by --version-policy {}", self.text())
    }
}

/// The policy of every model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// Of those that have none of their own.
    pub others: Policy,
    /// Of single models, by name.
    pub models: std::collections::BTreeMap<String, Policy>,
}

impl Policies {
    /// Reads `POLICY` and `NAME=POLICY` entries.
    ///
    /// # Errors
    /// The first entry that does not hold, and what is allowed.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut policies = Self::default();
        for entry in entries {
            match entry.rsplit_once('=') {
                Some((name, policy)) => drop(policies.models.insert(name.to_owned(), Policy::parse(policy)?)),
                None => policies.others = Policy::parse(entry)?,
            }
        }
        Ok(policies)
    }

    pub(super) fn of(&self, model: &str) -> &Policy {
        self.models.get(model).unwrap_or(&self.others)
    }
}

/// What a policy looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidate {
    pub(super) version: u64,
    pub(super) has_alias: bool,
    pub(super) has_stage: bool,
    /// It can serve at once.
    pub(super) is_loaded: bool,
    /// It answers for an alias or a stage that has moved on to a version which is not ready.
    pub(super) stands_in: bool,
}

/// How far a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Loaded.
    Good,
    /// Whole, and not loaded yet.
    Loadable,
    /// It does not load, or is not whole.
    Bad,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Places of the versions to serve now.
    pub(super) serve: Vec<usize>,
    /// Place of the version to load next.
    pub(super) load: Option<usize>,
}

impl Policy {
    /// Chooses among `versions`, newest first. `readiness` is asked only of those that matter.
    pub(super) fn choose(&self, versions: &[Candidate], mut readiness: impl FnMut(usize) -> Readiness) -> Choice {
        let newest = match self {
            Self::Named => 1,
            Self::Latest(count) => *count,
            Self::All | Self::Aliases | Self::Specific(_) => 0,
        };
        let mut choice = Choice::default();
        // Loaded ones among the newest, and those together with the ones that may become it.
        let (mut good, mut hoped) = (0, 0);
        for (place, version) in versions.iter().enumerate() {
            let is_chosen = version.stands_in
                || match self {
                    Self::Named => version.has_alias || version.has_stage,
                    Self::All => true,
                    Self::Latest(_) => false,
                    Self::Aliases => version.has_alias,
                    Self::Specific(list) => list.contains(&version.version),
                };
            // Of a thousand versions before the one that is to be loaded, no file is looked at.
            if !is_chosen && (good >= newest || hoped >= newest && !version.is_loaded) {
                continue;
            }
            match readiness(place) {
                Readiness::Good => {
                    choice.serve.push(place);
                    good += 1;
                    hoped += 1;
                }
                Readiness::Loadable if is_chosen || hoped < newest => {
                    choice.load = choice.load.or(Some(place));
                    hoped += 1;
                }
                Readiness::Loadable | Readiness::Bad => {}
            }
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use super::{Readiness::*, *};

    fn versions(aliased: &[u64], count: u64) -> Vec<Candidate> {
        let one = |version| Candidate { version, has_alias: aliased.contains(&version), ..Candidate::default() };
        (1..=count).rev().map(one).collect()
    }

    fn chosen(policy: &Policy, versions: &[Candidate], states: &[Readiness]) -> (Vec<u64>, Option<u64>) {
        let loaded = |(version, state): (&Candidate, _)| Candidate { is_loaded: state == &Good, ..*version };
        let versions: Vec<Candidate> = versions.iter().zip(states).map(loaded).collect();
        let choice = policy.choose(&versions, |place| states[place]);
        let version = |place: usize| versions[place].version;
        (choice.serve.into_iter().map(version).collect(), choice.load.map(version))
    }

    #[test]
    fn the_newest_and_the_named_are_served() {
        let of = |states: &[Readiness]| chosen(&Policy::Named, &versions(&[1], 3), states);
        assert_eq!(of(&[Loadable, Loadable, Loadable]), (vec![], Some(3)));
        assert_eq!(of(&[Good, Loadable, Loadable]), (vec![3], Some(1)));
        assert_eq!(of(&[Good, Good, Good]), (vec![3, 1], None));
    }

    #[test]
    fn versions_before_the_one_that_is_to_be_loaded_are_not_looked_at() {
        let mut looked = Vec::new();
        let mut all = versions(&[2], 1000);
        all[500].is_loaded = true;
        let choice = Policy::Named.choose(&all, |place| {
            looked.push(all[place].version);
            if place == 500 { Good } else { Loadable }
        });
        assert_eq!((choice.load, choice.serve), (Some(0), vec![500]));
        assert_eq!(looked, [1000, 500, 2]);
    }

    #[test]
    fn the_version_before_serves_until_the_newest_is_loaded_and_when_it_does_not_load() {
        let of = |states: &[Readiness]| chosen(&Policy::Named, &versions(&[], 3), states);
        assert_eq!(of(&[Loadable, Good, Loadable]), (vec![2], Some(3)));
        assert_eq!(of(&[Bad, Good, Loadable]), (vec![2], None));
        assert_eq!(of(&[Bad, Loadable, Loadable]), (vec![], Some(2)));
        assert_eq!(of(&[Bad, Bad, Bad]), (vec![], None));
    }

    #[test]
    fn each_policy_has_its_choice() {
        let all = [Good; 4];
        let of = |policy: &str| chosen(&Policy::parse(policy).unwrap(), &versions(&[2], 4), &all).0;
        assert_eq!(of("named"), [4, 2]);
        assert_eq!(of("all"), [4, 3, 2, 1]);
        assert_eq!(of("latest"), [4]);
        assert_eq!(of("latest:2"), [4, 3]);
        assert_eq!(of("aliases"), [2]);
        assert_eq!(of("specific:1,3"), [3, 1]);
    }

    #[test]
    fn one_that_stands_in_is_kept_by_every_policy() {
        let mut versions = versions(&[], 2);
        versions[1].stands_in = true;
        assert_eq!(chosen(&Policy::Latest(1), &versions, &[Good, Good]).0, [2, 1]);
    }

    #[test]
    fn old_versions_are_not_even_looked_at() {
        let mut asked = Vec::new();
        Policy::Named.choose(&versions(&[], 1000), |place| {
            asked.push(place);
            Good
        });
        assert_eq!(asked, [0]);
    }

    #[test]
    fn policies_are_read_for_all_and_for_one() {
        let policies = Policies::parse(["latest:2", "wine=specific:1,3", "a=b=all"]).unwrap();
        assert_eq!(policies.of("churn"), &Policy::Latest(2));
        assert_eq!(policies.of("wine"), &Policy::Specific([1, 3].into()));
        assert_eq!(policies.of("a=b"), &Policy::All);
        for wrong in ["newest", "latest:0", "latest:x", "specific:a", "specific", "wine=", "all:1"] {
            assert!(Policies::parse([wrong]).is_err(), "{wrong}");
        }
    }
}
