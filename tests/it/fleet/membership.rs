//! Who gets a feature: sites that join and leave groups, and sites that opt out.

use super::{
    project::{Member, Project},
    sight::{Standing, assert_confirmed, form_at, popup_at, standing},
    sixty::lab,
};

/// The versions of the form and of the popup that each site shows.
fn shown() -> Vec<(Option<String>, Option<String>)> {
    ["m1", "m2", "m3", "m4", "m5"].map(|site| (form_at(site), popup_at(site))).to_vec()
}

fn versions(of: &[(&str, &str)]) -> Vec<(Option<String>, Option<String>)> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    of.iter().map(|(form, popup)| (some(form), some(popup))).collect()
}

#[test]
fn a_site_has_a_feature_exactly_while_it_should() {
    // m1 and m5 are two sites on one host; m4 is in no group.
    let project = Project::new(&[
        Member::new("m1", &["forms"]),
        Member::new("m2", &["forms", "promo"]),
        Member::new("m3", &["forms"]),
        Member::new("m4", &[]),
        Member::new("m5", &["promo"]),
    ]);
    let before = shown();
    assert_eq!(before, versions(&[("", ""); 5]));
    project.run(&["deploy", "--yes"]).expect(0).says("1 unchanged, 4 changed");
    let (form, popup) = ("2.1.4", "1.0.2");
    assert_eq!(shown(), versions(&[(form, ""), (form, popup), (form, ""), ("", ""), ("", popup)]));
    assert_eq!(standing("m4"), Standing::default(), "a site without features is left alone");

    // m1 leaves the group, m3 opts out, m2 opts out of the popup alone, m5 joins.
    project.sites(&[
        Member::new("m1", &[]),
        Member::new("m2", &["forms", "promo"]).with("features: { popup: false }"),
        Member::new("m3", &["forms"]).with("features: { contact-form: false }"),
        Member::new("m4", &[]),
        Member::new("m5", &["forms", "promo"]),
    ]);
    let plan = project.run(&["plan"]).expect(10);
    plan.says("contact-form 2.1.4 removed")
        .says("popup 1.0.2 removed")
        .says("contact-form 2.1.4 added");
    assert_eq!(shown()[0].0.as_deref(), Some(form), "a plan changes nothing");
    project.run(&["deploy", "--yes"]).expect(0).says("1 unchanged, 4 changed");
    assert_eq!(shown(), versions(&[("", ""), (form, ""), ("", ""), ("", ""), (form, popup)]));
    for site in ["m1", "m3"] {
        let found = assert_confirmed(site);
        assert_eq!(found.links, Vec::<String>::new(), "{site} has no link of ours");
        let secrets = lab().exec(
            &lab().site(site).0.name,
            &format!("grep -rl Kanarien /srv/{site}/current/ || true"),
        );
        assert_eq!(secrets, "", "{site} keeps no secret of a feature that it does not have");
    }
    project.run(&["deploy", "--yes"]).expect(0).says("5 unchanged");

    // And back: the undo of a leaving is a rollback.
    project.run(&["rollback", "m1", "--yes"]).expect(0);
    assert_eq!(form_at("m1").as_deref(), Some(form));
    assert_confirmed("m1");
}
