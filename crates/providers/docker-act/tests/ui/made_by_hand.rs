use overseer_permit::{Claims, Permit};

fn forge(claims: Claims) -> Permit {
    Permit { claims }
}

fn main() {}
