//! The REST routes of the contract and the matching of paths. Pure.
//!
//! Templates have literal segments and captures of one segment each; the last capture may be followed by `:verb`.
//! Literals are compared as they are sent, so an escaped `:` is part of a capture and never a verb.

use std::collections::{BTreeMap, HashSet};

use overseer_contract::{Contract, Method, Owner, RequestBody, Route, Verb};
use overseer_model::{Permission, ServiceName};
use overseer_runtime::BuildError;
use prost_reflect::Kind;

/// The service that answers a method for callers from outside; `None` when nobody outside may know of it.
pub(crate) fn open_to_all(method: &Method) -> Option<ServiceName> {
    match (method.owner, method.permission) {
        (Owner::Every, _) | (_, Permission::Internal) => None,
        (
            Owner::One(owner),
            Permission::Public | Permission::Read | Permission::Approve | Permission::Audit | Permission::Configure,
        ) => Some(owner),
    }
}

/// One method at one route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub method: &'static Method,
    pub route: &'static Route,
    pub owner: ServiceName,
}

impl Endpoint {
    /// Those of the contract, in a fixed order.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<_> = Contract::get()
            .methods()
            .filter_map(|method| Some(Self { method, route: method.route.as_ref()?, owner: open_to_all(method)? }))
            .collect();
        all.sort_by_key(|endpoint| (&endpoint.route.template, &endpoint.method.path));
        all
    }

    /// Whether it answers with messages as they come.
    pub(crate) fn is_stream(&self) -> bool {
        self.method.descriptor.is_server_streaming()
    }

    /// The names of the fields that the path holds.
    pub(crate) fn captures(&self) -> Vec<&'static str> {
        segments(&self.route.template).filter_map(Segment::field).collect()
    }
}

/// Every path that REST answers.
pub(crate) struct Routes(Vec<Place>);

struct Place {
    segments: Vec<Segment>,
    endpoints: Vec<Endpoint>,
}

/// A place that a path names, and what it says there: fields and their values, still escaped.
pub(crate) struct RouteMatch<'a> {
    endpoints: &'a [Endpoint],
    pub captures: Vec<(&'static str, &'a str)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Field { name: &'static str, verb: &'static str },
}

impl Segment {
    fn field(self) -> Option<&'static str> {
        match self {
            Self::Literal(_) => None,
            Self::Field { name, .. } => Some(name),
        }
    }

    fn literal_len(self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Field { verb, .. } => verb.len(),
        }
    }
}

fn segments(template: &'static str) -> impl Iterator<Item = Segment> {
    template.trim_start_matches('/').split('/').map(|text| {
        let field = text.strip_prefix('{').and_then(|text| text.split_once('}'));
        field.map_or(Segment::Literal(text), |(name, verb)| Segment::Field { name, verb })
    })
}

impl Routes {
    /// # Errors
    /// When the contract has a route that this transcoder cannot serve.
    pub(crate) fn new(endpoints: Vec<Endpoint>) -> Result<Self, BuildError> {
        let mut places: BTreeMap<&str, Place> = BTreeMap::new();
        for endpoint in endpoints {
            check(endpoint).map_err(|why| BuildError::Config {
                what: format!(
                    "the route `{}` of `{}` {why}: change proto/",
                    endpoint.route.template, endpoint.method.path
                ),
                source: None,
            })?;
            let new = || Place { segments: segments(&endpoint.route.template).collect(), endpoints: Vec::new() };
            places.entry(&endpoint.route.template).or_insert_with(new).endpoints.push(endpoint);
        }
        Ok(Self(places.into_values().collect()))
    }

    /// The place that `path` names; where several do, the one with the most literal text.
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<RouteMatch<'a>> {
        let matching = self.0.iter().filter_map(|place| Some((place, captured(&place.segments, path)?)));
        let (place, captures) = matching.max_by_key(|(place, _)| place.literal_len())?;
        Some(RouteMatch { endpoints: &place.endpoints, captures })
    }
}

impl Place {
    fn literal_len(&self) -> usize {
        self.segments.iter().map(|segment| segment.literal_len()).sum()
    }
}

impl RouteMatch<'_> {
    /// The endpoint for this method of HTTP, or else the methods that there are.
    pub(crate) fn endpoint(&self, verb: &http::Method) -> Result<Endpoint, String> {
        let found = self.endpoints.iter().find(|endpoint| endpoint.route.verb.as_str() == verb.as_str());
        found.copied().ok_or_else(|| {
            let verbs: Vec<_> = self.endpoints.iter().map(|endpoint| endpoint.route.verb.as_str()).collect();
            verbs.join(", ")
        })
    }
}

fn captured<'a>(segments: &[Segment], path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut given = path.strip_prefix('/')?.split('/');
    let mut captures = Vec::new();
    for segment in segments {
        let given = given.next()?;
        match *segment {
            Segment::Literal(text) if text == given => {}
            Segment::Literal(_) => return None,
            Segment::Field { name, verb } => {
                captures.push((name, given.strip_suffix(verb).filter(|value| !value.is_empty())?));
            }
        }
    }
    given.next().is_none().then_some(captures)
}

fn check(endpoint: Endpoint) -> Result<(), &'static str> {
    let Endpoint { method, route, owner: _ } = endpoint;
    let input = method.descriptor.input();
    if method.descriptor.is_client_streaming() {
        return Err("streams from its caller, which REST does not");
    }
    if endpoint.is_stream() && route.verb != Verb::Get {
        return Err("streams its answer, which REST does for GET alone");
    }
    let captures = endpoint.captures();
    if captures.iter().collect::<HashSet<_>>().len() != captures.len() {
        return Err("captures a field twice");
    }
    if !captures.iter().all(|name| input.get_field_by_name(name).is_some_and(|field| is_scalar(&field))) {
        return Err("captures what is no plain field of the request");
    }
    let verb_has_body = matches!(route.verb, Verb::Post | Verb::Put | Verb::Patch);
    match route.body {
        RequestBody::Fields if !verb_has_body => Err("has a body where none can be sent"),
        RequestBody::None if !input.fields().all(|field| is_scalar(&field)) => {
            Err("would need a message or a list in its query")
        }
        RequestBody::Fields | RequestBody::None => Ok(()),
    }
}

/// A time in a path or a query is text as in RFC 3339.
pub(crate) const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// Whether a field can stand in a path or a query.
fn is_scalar(field: &prost_reflect::FieldDescriptor) -> bool {
    let plain = match field.kind() {
        Kind::Message(message) => message.full_name() == TIMESTAMP,
        kind => !matches!(kind, Kind::Bytes),
    };
    plain && !field.is_list() && !field.is_map()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<(String, Vec<(String, String)>)> {
        let routes = Routes::new(Endpoint::all()).unwrap();
        let found = routes.find(path)?;
        let name = found.endpoints[0].method.descriptor.name().to_owned();
        Some((name, found.captures.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()))
    }

    #[test]
    fn the_longest_literal_wins_and_an_escaped_colon_is_no_verb() {
        let id = |value: &str| vec![("id".to_owned(), value.to_owned())];
        assert_eq!(found("/api/v1/plans"), Some(("ListPlans".into(), vec![])));
        assert_eq!(found("/api/v1/plans/x"), Some(("GetPlan".into(), id("x"))));
        assert_eq!(found("/api/v1/plans/x:approve"), Some(("ApprovePlan".into(), id("x"))));
        assert_eq!(found("/api/v1/plans/x%3Aapprove"), Some(("GetPlan".into(), id("x%3Aapprove"))));
        assert_eq!(found("/api/v1/plans/x:other"), Some(("GetPlan".into(), id("x:other"))));
        assert_eq!(found("/api/v1/audit:verify"), Some(("VerifyAudit".into(), vec![])));
        for nowhere in
            ["", "/", "/api/v1/plans/", "/api/v1/plans/a/b", "//api/v1/plans", "/api/v1/plans//", "/API/v1/plans"]
        {
            assert_eq!(found(nowhere), None, "{nowhere}");
        }
    }
}
