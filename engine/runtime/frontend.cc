#include "runtime/frontend.h"

#include <fmt/core.h>

#include <algorithm>
#include <random>

#include "api/validate.h"
#include "core/letters.h"

namespace kiban::runtime {

namespace {

Timestamp host_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

HttpReply json_reply(int status, const json::value& value) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = print_json(value) + "\n"};
}

void respond_with(const Respond& respond, HttpReply reply) {
  respond([reply = std::move(reply)] { return reply; });
}

// What clients may ask without a signature though the model says otherwise.
bool needs_no_signature(const api::Wire& wire) {
  if (wire.operation != nullptr && wire.operation->unsigned_allowed) return true;
  // The SubscribeURL of a confirmation is meant to be visited as it is:
  // docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
  return wire.service != nullptr && wire.service->folder == "sns" &&
         wire.operation_name == "ConfirmSubscription";
}

// What a copy reads is hashed by us: the kernel must not read gigabytes.
bool wants_copy(const api::Wire& wire) {
  return wire.service->folder == "s3" &&
         (wire.operation->name == "CopyObject" || wire.operation->name == "UploadPartCopy");
}

// An address, or a name without a dot: no web page of somebody else's comes from such a host.
bool is_own_host(std::string_view host) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.find(':'));
  return host.find('.') == std::string_view::npos || host.ends_with(".localhost") ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

// One request on its way.
struct Frontend::Exchange {
  api::HttpRequest request{};
  api::Wire wire{};
  std::string request_id{};
  std::optional<api::Signature> signature{};
  services::Caller caller{};
  std::shared_ptr<ObjectBody> body{};  // When the operation takes_bulk().
  std::function<bool()> gone{};
  Respond respond{};
};

Frontend::Frontend(KernelThread& kernel, store::Blobs& blobs, FrontendOptions options)
    : kernel_(kernel),
      blobs_(blobs),
      options_(std::move(options)),
      request_ids_((static_cast<std::uint64_t>(std::random_device{}()) << 32U) |
                   std::random_device{}()) {}

void Frontend::add_route(std::string prefix, Handler handler) {
  routes_.emplace_back(std::move(prefix), std::move(handler));
}

void Frontend::handle(HttpRequest request, Respond respond) {
  for (const auto& [prefix, handler] : routes_)
    if (request.target.starts_with(prefix)) {
      handler(std::move(request), std::move(respond));
      return;
    }
  if (handle_own(request, respond)) return;
  auto exchange = std::make_shared<Exchange>();
  exchange->body = std::static_pointer_cast<ObjectBody>(request.sink);
  const std::size_t question = request.target.find('?');
  exchange->request = {
      .method = std::move(request.method),
      .path = request.target.substr(0, question),
      .query = question == std::string::npos ? "" : request.target.substr(question + 1),
      .headers = std::move(request.headers),
      .body = std::move(request.body)};
  exchange->wire = api::identify(exchange->request);
  if (exchange->wire.service == nullptr && exchange->wire.operation_name == "ConfirmSubscription") {
    // A SubscribeURL has neither signature nor version: at AWS its host tells the service.
    exchange->request.query += "&Version=2010-03-31";
    exchange->wire = api::identify(exchange->request);
  }
  exchange->request_id = request_ids_.uuid();
  exchange->gone = std::move(request.gone);
  exchange->respond = std::move(respond);
  if (exchange->body) {
    const Result<void> whole = exchange->body->finish();
    if (!whole) return refuse(*exchange, whole.error());
    exchange->request.body_sha256 = exchange->body->sha256();
  }
  authenticate(exchange);
}

std::shared_ptr<BodySink> Frontend::sink(const HttpRequest& request) {
  if (request.method != "PUT" || request.target.starts_with("/_kiban/")) return nullptr;
  for (const auto& [prefix, handler] : routes_)
    if (request.target.starts_with(prefix)) return nullptr;
  const std::size_t question = request.target.find('?');
  const api::HttpRequest head{
      .method = request.method,
      .path = request.target.substr(0, question),
      .query = question == std::string::npos ? "" : request.target.substr(question + 1),
      .headers = request.headers};
  if (!api::takes_bulk(api::identify(head))) return nullptr;
  return std::make_shared<ObjectBody>(fmt::format("{}/object-{}", options_.bodies, ++bodies_),
                                      head);
}

// Identity --------------------------------------------------------------------------------------

void Frontend::authenticate(const Shared& exchange) {
  exchange->signature = api::read_signature(exchange->request);
  exchange->caller = {.account = options_.account,
                      .region = options_.region,
                      .arn = fmt::format("arn:aws:iam::{}:root", options_.account)};
  if (!exchange->signature) {
    with_session(exchange, std::nullopt);
    return;
  }
  if (!exchange->signature->region.empty()) exchange->caller.region = exchange->signature->region;
  exchange->caller.access_key_id = exchange->signature->access_key_id;
  const std::string id = exchange->signature->access_key_id;
  if (id == options_.root.access_key_id || !options_.find_session || !id.starts_with("ASIA")) {
    with_session(exchange, std::nullopt);
    return;
  }
  // Temporary keys live in the kernel's rows.
  kernel_.visit([this, exchange, id](kernel::Kernel& kernel) {
    post_([this, exchange, session = options_.find_session(kernel, id)] {
      with_session(exchange, session);
    });
  });
}

namespace {
std::unexpected<Error> without_permissions(const services::Caller& caller, const api::Wire& wire) {
  const std::string action = fmt::format("{}:{}", wire.service->folder, wire.operation->name);
  return fail("AccessDenied",
              fmt::format("User: {} is not authorized to perform: {} because no identity-based "
                          "policy allows the {} action",
                          caller.arn, action, action));
}
}  // namespace

void Frontend::with_session(const Shared& exchange, const std::optional<SessionKey>& session) {
  if (session) exchange->caller.arn = session->arn;
  if (options_.auth == kernel::Auth::Sigv4 &&
      (exchange->signature || !needs_no_signature(exchange->wire))) {
    const auto lookup = [&](std::string_view id) -> std::optional<api::Key> {
      if (id == options_.root.access_key_id)
        return api::Key{.secret = options_.root.secret_access_key};
      if (session) return session->key;
      return std::nullopt;
    };
    const Result<api::Signature> verified =
        verifier_.verify(exchange->request, exchange->wire, lookup, host_now());
    if (!verified) {
      respond_with(exchange->respond, encode_failure(*exchange, verified.error()));
      return;
    }
    // Deleting a role takes all permissions from its sessions; GetCallerIdentity needs none:
    // docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if (session && session->revoked && exchange->wire.operation->name != "GetCallerIdentity")
      return refuse(*exchange, without_permissions(exchange->caller, exchange->wire).error());
  }
  submit(exchange);
}

// Operations ------------------------------------------------------------------------------------

void Frontend::refuse(const Exchange& exchange, const Error& error) {
  respond_with(exchange.respond, encode_failure(exchange, error));
}

void Frontend::submit(const Shared& exchange) {
  Result<api::Request> decoded = api::decode(exchange->request, exchange->wire);
  if (!decoded) return refuse(*exchange, decoded.error());
  exchange->request.body.clear();
  const Result<void> valid =
      api::validate(*exchange->wire.service, *exchange->wire.operation, decoded->input);
  if (!valid) return refuse(*exchange, valid.error());
  if (decoded->bulk_member)
    keep_body(exchange, *std::move(decoded));
  else if (wants_copy(exchange->wire))
    prepare_copy(exchange, *std::move(decoded));
  else
    ask(exchange, *std::move(decoded));
}

void Frontend::ask(const Shared& exchange, api::Request request) {
  kernel_.submit({.service = std::move(request.service),
                  .operation = std::move(request.operation),
                  .input = std::move(request.input),
                  .caller = exchange->caller,
                  .reply =
                      [this, exchange](Result<json::object> result) {
                        auto shared = std::make_shared<Result<json::object>>(std::move(result));
                        exchange->respond(
                            [this, exchange, shared] { return encode(*exchange, *shared); });
                      },
                  .abandoned = exchange->gone});
}

void Frontend::keep_body(const Shared& exchange, api::Request request) {
  if (!exchange->body) return ask(exchange, std::move(request));  // There is none.
  exchange->body->amend(request.input);
  worker_.post([this, exchange, request = std::move(request)]() mutable {
    Result<json::object> kept = exchange->body->store(blobs_);
    exchange->body.reset();
    if (!kept)
      return refuse(*exchange, {.name = "ServiceUnavailable", .cause = kept.error().cause});
    request.input[*request.bulk_member] = *std::move(kept);
    ask(exchange, std::move(request));
  });
}

void Frontend::prepare_copy(const Shared& exchange, api::Request request) {
  auto asked = std::make_shared<api::Request>(std::move(request));
  kernel_.submit({.service = asked->service,
                  .operation = "kiban:CopySource",
                  .input = asked->input,
                  .caller = exchange->caller,
                  .reply =
                      [this, exchange, asked](Result<json::object> source) {
                        if (!source) return refuse(*exchange, source.error());
                        worker_.post([this, exchange, asked, body = *std::move(source)]() mutable {
                          const Result<void> hashed = complete_digests(blobs_, body);
                          if (!hashed)
                            return refuse(*exchange, {.name = "InternalFailure",
                                                      .cause = hashed.error().cause});
                          asked->input["Body"] = std::move(body);
                          ask(exchange, std::move(*asked));
                        });
                      },
                  .abandoned = exchange->gone});
}

HttpReply Frontend::encode(const Exchange& exchange, const Result<json::object>& result) {
  if (!result) return encode_failure(exchange, result.error());
  return to_reply(exchange, api::encode_reply(exchange.wire, *result, exchange.request_id));
}

HttpReply Frontend::encode_failure(const Exchange& exchange, const Error& error) {
  return to_reply(exchange, api::encode_error(exchange.wire, error, exchange.request_id));
}

HttpReply Frontend::to_reply(const Exchange& exchange, api::HttpResponse response) {
  HttpReply reply{.status = static_cast<int>(response.status),
                  .headers = std::move(response.headers),
                  .body = std::move(response.body)};
  if (!response.bulk) return reply;
  std::uint64_t size = 0;
  for (const api::Bulk& piece : *response.bulk) size += piece.size;
  if (exchange.wire.head) {
    reply.headers.emplace_back("Content-Length", std::to_string(size));
    return reply;
  }
  for (const api::Bulk& piece : *response.bulk) {
    if (const auto file = blobs_.file(piece.digest)) {
      reply.files.push_back({.path = *file, .offset = piece.offset, .size = piece.size});
      continue;
    }
    const Result<std::string> bytes = blobs_.read(piece.digest);
    if (!bytes)
      return encode_failure(exchange, {.name = "InternalFailure",
                                       .cause = "the bytes of " + piece.digest + " can't be read"});
    reply.body += bytes->substr(std::min<std::uint64_t>(piece.offset, bytes->size()), piece.size);
  }
  return reply;
}

// Our own: /_kiban/ -----------------------------------------------------------------------------

bool Frontend::handle_own(const HttpRequest& request, const Respond& respond) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (path != "/_kiban" && !path.starts_with("/_kiban/")) return false;
  if (path == "/_kiban/health" && (request.method == "GET" || request.method == "HEAD")) {
    // By way of the kernel: 200 means that commands are decided.
    kernel_.visit([respond, options = &options_](kernel::Kernel& kernel) {
      respond_with(
          respond,
          json_reply(kernel.failed() ? 503 : 200,
                     json::object{{"status", kernel.failed() ? "store failed" : "ok"},
                                  {"version", options->version},
                                  {"account", options->account},
                                  {"region", options->region},
                                  {"auth", options->auth == kernel::Auth::Any ? "any" : "sigv4"}}));
    });
    return true;
  }
  constexpr std::string_view timers = "/_kiban/timers/";  // Behind it SERVICE/ID.
  if (path.starts_with(timers) && request.method == "GET") {
    // When it fires: the kernel keeps that as 20 digits of milliseconds.
    kernel_.visit([respond, id = path.substr(timers.size())](kernel::Kernel& kernel) {
      const std::optional<std::string> at = kernel.read("timer-id/" + id);
      respond_with(respond,
                   json_reply(200, json::object{{"at", at ? json::value(format_iso8601(Timestamp{
                                                                Duration{std::stoll(*at)}}))
                                                          : json::value(nullptr)}}));
    });
    return true;
  }
  if (path == "/_kiban/authorisations" && request.method == "GET") {
    kernel_.visit([respond](kernel::Kernel& kernel) {
      json::array all;
      for (const kernel::Authorisation& each : kernel.authorisations())
        all.push_back(json::object{{"time", format_iso8601(each.time)},
                                   {"caller", each.caller},
                                   {"action", each.action},
                                   {"resource", each.resource},
                                   {"allowed", each.allowed}});
      respond_with(respond, json_reply(200, all));
    });
    return true;
  }
  respond_with(respond, json_reply(404, json::object{{"message", "There is no " + path + "."}}));
  return true;
}

std::string own_token(const std::string& secret_access_key) {
  return store::sha256_hex("kiban token " + secret_access_key);
}

bool Frontend::may_change(const HttpRequest& request) const {
  std::string token;
  std::string host;
  for (const auto& [name, value] : request.headers) {
    if (same_letters(name, "origin")) return false;  // A web page.
    if (same_letters(name, "x-kiban-token")) token = value;
    if (same_letters(name, "host")) host = value;
  }
  if (!is_own_host(host)) return false;
  return token == own_token(options_.root.secret_access_key) ||
         (options_.auth == kernel::Auth::Any && token == own_token("test"));
}

}  // namespace kiban::runtime
