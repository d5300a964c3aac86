-- Tokens are the identity service's now; old ones are good no more.
DROP TABLE token;
