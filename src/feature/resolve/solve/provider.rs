//! What `PubGrub` asks of a case: what to decide next, which version to try, what that needs.

use std::cmp::Reverse;

use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics,
    VersionSet as _,
};

use super::{Case, MOST_STEPS, Number, Package, Place, Span, TooHard};

impl DependencyProvider for Case<'_> {
    type P = Package;
    type V = Place;
    type VS = Span;
    type Priority = Reverse<(u8, Number)>;
    type M = String;
    type Err = TooHard;

    fn prioritize(
        &self,
        package: &Package,
        _: &Span,
        _: &PackageResolutionStatistics,
    ) -> Self::Priority {
        Reverse(match package {
            Package::Root => (0, 0),
            Package::Feature(number) => {
                let is_locked = self.elsewhere.contains_key(number)
                    || [&self.own, &self.had].iter().any(|all| all.contains_key(number));
                let class = match () {
                    () if self.moved.contains(number) => 1,
                    () if is_locked && !self.is_all_moved => 2,
                    () if self.rooted.contains_key(number) => 3,
                    () => 4,
                };
                (class, *number)
            }
            // Decided when everything else is: it only follows.
            Package::Shadow(number) => (5, *number),
        })
    }

    fn choose_version(&self, package: &Package, span: &Span) -> Result<Option<Place>, TooHard> {
        let number = match package {
            Package::Root => return Ok(Some(0)),
            Package::Feature(number) => *number,
            Package::Shadow(number) => {
                let count = self.world.feature(*number).map_or(0, |found| found.versions.len());
                let absent = Place::try_from(count).unwrap_or(Place::MAX);
                return Ok((0..=absent).rev().find(|place| span.contains(place)));
            }
        };
        let Some(feature) = self.world.feature(number) else { return Ok(None) };
        let had = self.had.get(&number).filter(|_| !self.is_moved(number));
        let locked = self.own.get(&number).or(had).into_iter();
        let locked = locked.chain(self.elsewhere.get(&number).into_iter().flatten()).copied();
        let all = locked.filter(|place| span.contains(place)).chain(feature.newest_in(span));
        let mut all = all.filter(|place| self.fit(number, *place).is_ok()).peekable();
        // What was yanked and need not stay is better than nothing.
        let last = all.peek().copied();
        Ok(all.find(|place| !self.is_last(number, *place)).or(last))
    }

    fn get_dependencies(
        &self,
        package: &Package,
        place: &Place,
    ) -> Result<Dependencies<Package, Span, String>, TooHard> {
        let all: DependencyConstraints<Package, Span> = match package {
            Package::Shadow(_) => DependencyConstraints::default(),
            Package::Root => {
                let rooted = self.rooted.iter();
                rooted.map(|(number, span)| (Package::Feature(*number), span.clone())).collect()
            }
            Package::Feature(number) => {
                let required = self.requires(*number, *place).iter().map(|link| {
                    let span = self.with_early(link.to, link.requirement, link.span.clone());
                    (Package::Feature(link.to), span)
                });
                let shuns = self.conflicts(*number, *place).iter();
                let shuns = shuns.map(|link| (Package::Shadow(link.to), link.span.complement()));
                let own = self.is_shunned(*number).then(|| Span::of([*place]));
                let own = own.map(|span| (Package::Shadow(*number), span));
                required.chain(shuns).chain(own).collect()
            }
        };
        Ok(Dependencies::Available(all))
    }

    fn should_cancel(&self) -> Result<(), TooHard> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MOST_STEPS { Err(TooHard) } else { Ok(()) }
    }
}
