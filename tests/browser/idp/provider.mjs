// An OpenID Connect provider for browser tests: `node provider.mjs '<settings as JSON>'`. Its keys are new at every start.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomBytes(6).toString("hex") };

const provider = new Provider(settings.issuer, {
  clients: [
    {
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: [`${settings.portal}/sign-in/oidc/callback`],
      post_logout_redirect_uris: [`${settings.portal}/sign-in/out`],
      backchannel_logout_uri: `${settings.portal}/sign-in/oidc/back-channel`,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(16).toString("hex")] },
  // The portal is on loopback, which its own way to call out refuses.
  fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
  features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email_verified: true, ...settings.people[id] }),
  }),
  jwks: { keys: [key] },
  pkce: { required: () => true },
  ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 600, IdToken: 300, Interaction: 600, Session: 600 },
});
provider.listen(settings.port, "127.0.0.1");
