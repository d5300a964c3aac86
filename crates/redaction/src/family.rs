//! What a mark tells about the secret that it stands for.

/// The kind of a secret, as its mark names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Anthropic,
    Atlassian,
    Authorization,
    Aws,
    Azure,
    Cookie,
    DigitalOcean,
    Discord,
    DockerHub,
    Gcp,
    Github,
    Gitlab,
    GoogleOauth,
    HuggingFace,
    Jwt,
    Key,
    Npm,
    OpenAi,
    Password,
    PrivateKey,
    PyPi,
    Secret,
    SendGrid,
    Session,
    Slack,
    Stripe,
    Telegram,
    Token,
    Twilio,
    UrlPassword,
}

impl Family {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Atlassian => "atlassian",
            Self::Authorization => "authorization",
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Cookie => "cookie",
            Self::DigitalOcean => "digitalocean",
            Self::Discord => "discord",
            Self::DockerHub => "docker-hub",
            Self::Gcp => "gcp",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::GoogleOauth => "google-oauth",
            Self::HuggingFace => "hugging-face",
            Self::Jwt => "jwt",
            Self::Key => "key",
            Self::Npm => "npm",
            Self::OpenAi => "openai",
            Self::Password => "password",
            Self::PrivateKey => "private-key",
            Self::PyPi => "pypi",
            Self::Secret => "secret",
            Self::SendGrid => "sendgrid",
            Self::Session => "session",
            Self::Slack => "slack",
            Self::Stripe => "stripe",
            Self::Telegram => "telegram",
            Self::Token => "token",
            Self::Twilio => "twilio",
            Self::UrlPassword => "url-password",
        }
    }
}
