//! Blocks that are shown once for many sites: outputs, plans, findings.

use super::{
    runs::{Script, hundred, site},
    *,
};
use crate::model::{Content, Outcome};

#[test]
fn equal_outputs_of_a_command_are_shown_once_and_exit_codes_are_kept() {
    let sites = hundred();
    let mut script = Script::new("exec", "fleetctl exec -- wp core version", &sites);
    for site in &sites {
        let (stdout, stderr, status) = match site.as_str() {
            "blog07.example" => ("", "sh: wp: not found\n", Some(127)),
            "blog08.example" => ("6.6.2\n", "", Some(0)),
            _ => ("6.7.1\n", "", Some(0)),
        };
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        let site = site.clone();
        let outcome = if status == Some(0) { Outcome::Changed } else { Outcome::Failed };
        script.emit(Event::Output { site: site.clone(), stdout, stderr, status, dropped: 0 });
        let why = (outcome == Outcome::Failed).then(|| "exit 127".to_owned());
        script.emit(Event::SiteFinished { site, outcome, release: None, versions: None, why });
    }
    script.end([Outcome::Changed], 4);
    let expected = "\
exec on 100 sites of production by ana@laptop, run 20261120-190412-7f3a
acme.example, blog[01:06].example, blog[09:39].example, shop[01:60].example (98)
  6.7.1
blog08.example
  6.6.2
blog07.example  exit 127
  ! sh: wp: not found

blog07.example  failed
  exit 127

100 sites: 99 changed, 1 failed in 42.1 s
";
    assert_eq!(plain(&script.events, Detail::Usual), expected);
}

#[test]
fn equal_plans_are_shown_once_with_their_sites() {
    let plans: Vec<(SiteName, plan::SitePlan)> = hundred()
        .into_iter()
        .map(|site| {
            let docroot = format!("/var/www/{site}");
            let root = format!("/srv/{site}");
            let mut plan = plan::SitePlan {
                changes: vec!["contact-form 2.2.0 added".into()],
                linked: vec![format!("{docroot}/_features → {root}/current/public")],
                files: plan::Files { added: 3, ..plan::Files::default() },
                places: vec![(docroot, "<docroot>".into()), (root, "<root>".into())],
                diffs: vec![plan::FileDiff {
                    path: "private/contact-form/config.php".into(),
                    old: None,
                    new: Some(Content::Plain("<?php return 1;\n".into())),
                }],
                ..plan::SitePlan::default()
            };
            match site.as_str() {
                "blog01.example" => {
                    plan.blocked = Some("/var/www/blog01.example/_features: a directory is in the place of a link of ours".into());
                }
                "blog02.example" => plan = plan::SitePlan::default(),
                _ => {}
            }
            (site, plan)
        })
        .collect();
    let text: String = plan::plan(&plans, 80, 100).iter().map(|l| l.text() + "\n").collect();
    let expected = "\
acme.example, blog[03:39].example, shop[01:60].example (98):
  ~ contact-form 2.2.0 added
  + link <docroot>/_features → <root>/current/public
  files: 3 new, 0 changed, 0 removed, 0 kept

blog01.example:
  blocked: <docroot>/_features: a directory is in the place of a link of ours
  ~ contact-form 2.2.0 added
  + link <docroot>/_features → <root>/current/public
  files: 3 new, 0 changed, 0 removed, 0 kept

on acme.example, blog01.example, blog[03:39].example, shop[01:60].example (99):
--- /dev/null
+++ private/contact-form/config.php
@@ -0,0 +1 @@
+<?php return 1;

98 sites to change, 1 as wanted, 1 blocked
";
    assert_eq!(text, expected);
}

#[test]
fn equal_findings_of_an_audit_are_shown_once() {
    let finding = |name: &str, path: &str, kind, detail: &str| audit::Finding {
        site: site(name),
        path: path.into(),
        kind,
        detail: detail.into(),
    };
    let findings = [
        finding("shop01.example", "private/form.php", audit::Kind::Mode, "0666, should be 0644"),
        finding("shop02.example", "private/form.php", audit::Kind::Mode, "0666, should be 0644"),
        finding("shop03.example", "private/form.php", audit::Kind::Mode, "0666, should be 0644"),
        finding("shop03.example", "public/x.php", audit::Kind::Extra, ""),
        finding("blog01.example", "", audit::Kind::Busy, "locked by bo@ci for 12 s"),
    ];
    let shown = |columns| -> String {
        audit::audit(&findings, 100, columns).iter().map(|l| l.text() + "\n").collect()
    };
    let wide = "\
SITES                    FINDING  PATH              DETAIL
shop[01:03].example (3)  mode     private/form.php  0666, should be 0644
blog01.example           busy                       locked by bo@ci for 12 s
shop03.example           extra    public/x.php

100 sites: 96 as released, 3 drifted, 1 busy
";
    assert_eq!(shown(100), wide);
    let narrow = "\
shop[01:03].example (3)
  finding: mode
  path: private/form.php
  detail: 0666, should be 0644
blog01.example
  finding: busy
  detail: locked by bo@ci for 12 s
shop03.example
  finding: extra
  path: public/x.php

100 sites: 96 as released, 3 drifted, 1 busy
";
    assert_eq!(shown(40), narrow);
    let clean: String = audit::audit(&[], 60, 80).iter().map(Line::text).collect();
    assert_eq!(clean, "60 sites: 60 as released");
}
