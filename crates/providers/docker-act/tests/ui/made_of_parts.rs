use overseer_permit::{Claims, Permit};

fn forge(claims: Claims) -> Permit {
    Permit::from(claims)
}

fn main() {}
