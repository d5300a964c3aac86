//! The action templates of this build, for people and for programs.

use overseer_model::TemplateName;
use overseer_templates::{Inverse, template};
use serde::Serialize;

use crate::show;

/// One action template, as this build knows it.
#[derive(Serialize)]
struct Row {
    template: &'static str,
    risk: &'static str,
    parameters: Vec<&'static str>,
    inverse: Option<&'static str>,
    summary: &'static str,
}

fn rows() -> [Row; TemplateName::ALL.len()] {
    TemplateName::ALL.map(template).map(|row| Row {
        template: row.name.as_str(),
        risk: row.risk.as_str(),
        parameters: row.parameters.iter().map(|parameter| parameter.name).collect(),
        inverse: match row.inverse {
            Inverse::None => None,
            Inverse::Template(name) => Some(name.as_str()),
        },
        summary: row.summary,
    })
}

pub fn table() -> String {
    let rows = rows().map(|Row { template, risk, parameters, inverse, summary }| {
        [template, risk, &parameters.join(", "), inverse.unwrap_or("none"), summary].map(str::to_owned).to_vec()
    });
    show::table(&["TEMPLATE", "RISK", "PARAMETERS", "INVERSE", "SUMMARY"], &rows)
}

pub fn json() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&rows().as_slice())?)
}
