//! What the contract says about its methods: the route, the permission, and the service that answers.
//! A contract with a method that says nothing of its permission does not load.

use std::collections::HashMap;
use std::sync::OnceLock;

use overseer_model::{Permission, ServiceName};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, ServiceDescriptor, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    One(ServiceName),
    /// Hosted by every service about itself.
    Every,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A REST route, from `google.api.http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub verb: Verb,
    /// For example `/api/v1/plans/{id}:approve`.
    pub template: String,
    /// Whether the request's fields that are not in the path come from the body; otherwise from the query.
    pub body: RequestBody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    Fields,
    None,
}

#[derive(Clone, Debug)]
pub struct Method {
    /// The gRPC path, `/overseer.v1.PlanService/GetPlan`.
    pub path: String,
    pub permission: Permission,
    pub owner: Owner,
    /// Absent for methods that only Overseer's own services call.
    pub route: Option<Route>,
    pub descriptor: MethodDescriptor,
}

#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    #[error("the compiled contract cannot be decoded")]
    Descriptors(#[source] prost_reflect::DescriptorError),
    #[error("method `{method}` declares no permission: add `option (permission)` in proto/")]
    NoPermission { method: String },
    #[error("service `{service}` declares no owner: add `option (owner)` in proto/")]
    NoOwner { service: String },
    #[error("method `{method}` has a `google.api.http` rule that is not understood")]
    BadRoute { method: String },
    #[error("method `{method}` has no route, and only internal methods may have none")]
    NoRoute { method: String },
}

/// The contract as it was compiled in.
#[derive(Debug)]
pub struct Contract {
    pool: DescriptorPool,
    methods: HashMap<String, Method>,
}

impl Contract {
    /// # Errors
    /// When a method lacks its permission or a service its owner.
    pub fn load(descriptors: &[u8]) -> Result<Self, ContractError> {
        let pool = DescriptorPool::decode(descriptors).map_err(ContractError::Descriptors)?;
        let mut methods = HashMap::new();
        for service in pool.services().filter(|s| s.package_name() == "overseer.v1") {
            let owner = owner(&service)?;
            for descriptor in service.methods() {
                let method = method(owner, descriptor)?;
                methods.insert(method.path.clone(), method);
            }
        }
        Ok(Self { pool, methods })
    }

    /// The contract of this build. Its soundness is checked by a test and at every start.
    #[must_use]
    pub fn get() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| match Self::load(crate::DESCRIPTORS) {
            Ok(contract) => contract,
            Err(error) => {
                // An unsound contract must not start; there is nobody to return the error to.
                eprintln!("overseer: {error}");
                std::process::abort()
            }
        })
    }

    #[must_use]
    pub fn message(&self, full_name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(full_name)
    }

    /// The method at a gRPC path.
    #[must_use]
    pub fn method(&self, path: &str) -> Option<&Method> {
        self.methods.get(path)
    }

    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.values()
    }
}

fn owner(service: &ServiceDescriptor) -> Result<Owner, ContractError> {
    let name = option(&service.parent_pool().clone(), &service.options(), "overseer.v1.owner");
    Ok(match name.as_deref() {
        Some("OWNER_COLLECTOR") => Owner::One(ServiceName::Collector),
        Some("OWNER_INCIDENT_ENGINE") => Owner::One(ServiceName::IncidentEngine),
        Some("OWNER_CONTROL_PLANE") => Owner::One(ServiceName::ControlPlane),
        Some("OWNER_EXECUTOR") => Owner::One(ServiceName::Executor),
        Some("OWNER_NOTIFIER") => Owner::One(ServiceName::Notifier),
        Some("OWNER_IDENTITY") => Owner::One(ServiceName::Identity),
        Some("OWNER_GATEWAY") => Owner::One(ServiceName::Gateway),
        Some("OWNER_EVERY_SERVICE") => Owner::Every,
        _ => return Err(ContractError::NoOwner { service: service.full_name().to_owned() }),
    })
}

fn method(owner: Owner, descriptor: MethodDescriptor) -> Result<Method, ContractError> {
    let name = descriptor.full_name().to_owned();
    let pool = descriptor.parent_pool().clone();
    let permission = match option(&pool, &descriptor.options(), "overseer.v1.permission").as_deref() {
        Some("PERMISSION_PUBLIC") => Permission::Public,
        Some("PERMISSION_READ") => Permission::Read,
        Some("PERMISSION_APPROVE") => Permission::Approve,
        Some("PERMISSION_AUDIT") => Permission::Audit,
        Some("PERMISSION_CONFIGURE") => Permission::Configure,
        Some("PERMISSION_INTERNAL") => Permission::Internal,
        _ => return Err(ContractError::NoPermission { method: name }),
    };
    let route = route(&pool, &descriptor)?;
    if route.is_none() && permission != Permission::Internal {
        return Err(ContractError::NoRoute { method: name });
    }
    let path = format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name());
    Ok(Method { path, permission, owner, route, descriptor })
}

/// The name of an enum option's value, when the option is set.
fn option(pool: &DescriptorPool, options: &DynamicMessage, extension: &str) -> Option<String> {
    let extension = pool.get_extension_by_name(extension)?;
    if !options.has_extension(&extension) {
        return None;
    }
    let number = options.get_extension(&extension).as_enum_number()?;
    let kind = extension.kind();
    let value = kind.as_enum()?.get_value(number)?;
    Some(value.name().to_owned())
}

fn route(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Option<Route>, ContractError> {
    let bad = || ContractError::BadRoute { method: method.full_name().to_owned() };
    let extension = pool.get_extension_by_name("google.api.http").ok_or_else(bad)?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return Ok(None);
    }
    let rule = options.get_extension(&extension).into_owned();
    let rule = rule.as_message().ok_or_else(bad)?;
    let text = |field: &str| {
        let value = rule.get_field_by_name(field).map(std::borrow::Cow::into_owned);
        value.as_ref().and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let verbs = [
        ("get", Verb::Get),
        ("post", Verb::Post),
        ("put", Verb::Put),
        ("patch", Verb::Patch),
        ("delete", Verb::Delete),
    ];
    let (verb, template) =
        verbs.into_iter().find_map(|(field, verb)| text(field).map(|t| (verb, t))).ok_or_else(bad)?;
    let body = match text("body").as_deref() {
        None => RequestBody::None,
        Some("*") => RequestBody::Fields,
        Some(_) => return Err(bad()),
    };
    Ok(Some(Route { verb, template, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of a contract with one more file.
    fn with(methods: &str) -> Result<Contract, ContractError> {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "syntax = \"proto3\";\npackage overseer.v1;\nimport \"overseer/v1/options.proto\";\n\
             import \"google/api/annotations.proto\";\nmessage Nothing {{}}\n{methods}"
        );
        let file = folder.path().join("test.proto");
        std::fs::write(&file, text).unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
        let mut compiler = protox::Compiler::new([folder.path(), root.as_path()]).unwrap();
        compiler.include_imports(true).open_file(&file).unwrap();
        Contract::load(&compiler.encode_file_descriptor_set())
    }

    const OWNED: &str = "service Test { option (owner) = OWNER_GATEWAY; ";
    const CALL: &str = "rpc Call(Nothing) returns (Nothing)";

    #[test]
    fn every_method_of_the_contract_has_its_permission_owner_and_route() {
        let contract = Contract::load(crate::DESCRIPTORS).unwrap();
        assert!(contract.methods().count() > 10);
    }

    #[test]
    fn a_method_without_a_permission_does_not_start() {
        let error = with(&format!("{OWNED} {CALL}; }}")).unwrap_err();
        assert!(matches!(error, ContractError::NoPermission { .. }), "{error}");
        let unspecified = "{ option (permission) = PERMISSION_UNSPECIFIED; }";
        let error = with(&format!("{OWNED} {CALL} {unspecified} }}")).unwrap_err();
        assert!(matches!(error, ContractError::NoPermission { .. }), "{error}");
    }

    #[test]
    fn a_service_without_an_owner_and_a_public_method_without_a_route_do_not_start() {
        let error =
            with(&format!("service Test {{ {CALL} {{ option (permission) = PERMISSION_READ; }} }}")).unwrap_err();
        assert!(matches!(error, ContractError::NoOwner { .. }), "{error}");
        let error = with(&format!("{OWNED} {CALL} {{ option (permission) = PERMISSION_READ; }} }}")).unwrap_err();
        assert!(matches!(error, ContractError::NoRoute { .. }), "{error}");
        assert!(with(&format!("{OWNED} {CALL} {{ option (permission) = PERMISSION_INTERNAL; }} }}")).is_ok());
    }
}
