#include "runtime/frontend.h"

#include <fmt/core.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "api/validate.h"
#include "core/letters.h"
#include "runtime/entropy.h"

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

void refuse_token(const Respond& respond) {
  respond_with(respond,
               json_reply(403, json::object{{"message", "X-Kiban-Token is missing or wrong."}}));
}

// The operations that links in SNS messages request.
bool is_link_operation(std::string_view operation) {
  return operation == "ConfirmSubscription" || operation == "Unsubscribe";
}

// What clients may ask without a signature though the model says otherwise.
bool needs_no_signature(const api::Wire& wire) {
  if (wire.operation != nullptr && wire.operation->unsigned_allowed) return true;
  // The SubscribeURL of a confirmation is meant to be visited as it is:
  // docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
  return wire.service != nullptr && wire.service->folder == "sns" &&
         is_link_operation(wire.operation_name);
}

// Operations that copy an object: the front end hashes the source first, as the kernel must not
// read gigabytes.
bool wants_copy(const api::Wire& wire) {
  return wire.service->folder == "s3" &&
         (wire.operation->name == "CopyObject" || wire.operation->name == "UploadPartCopy");
}

constexpr std::uint64_t small_body_bytes = 64UL * 1024;

constexpr std::string_view call_path = "/_kiban/call";
constexpr std::uint64_t own_call_bytes_max = 4UL * 1024 * 1024;

// The longest body that the service reads. Step Functions: 1 MB a request, headers included
// (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html). The other services limit a
// member of the body (SQS a message, CloudFormation a template, ...), which JSON or a form may
// encode in several times as many bytes.
std::uint64_t body_bytes_max(const api::Wire& wire) {
  constexpr std::uint64_t mebibyte = 1024UL * 1024;
  if (wire.service == nullptr) return 4 * mebibyte;
  const std::string_view folder = wire.service->folder;
  if (folder == "states") return mebibyte;
  if (folder == "logs" || folder == "ecr" || folder == "lambda") return 10 * mebibyte;
  return 4 * mebibyte;
}

Error too_large_error(const api::Wire& wire) {
  if (wire.protocol == api::Protocol::RestXml)  // S3's list of error codes.
    return {.name = "MaxMessageLengthExceeded", .cause = "Your request was too big."};
  return {.name = "RequestEntityTooLarge",
          .cause = fmt::format("The request must be at most {} bytes.", body_bytes_max(wire))};
}

api::HttpRequest head_of(const HttpRequest& request) {
  const std::size_t question = request.target.find('?');
  return {.method = request.method,
          .path = request.target.substr(0, question),
          .query = question == std::string::npos ? "" : request.target.substr(question + 1),
          .headers = request.headers};
}

std::unexpected<Error> without_permissions(const services::Caller& caller, const api::Wire& wire) {
  const std::string action = fmt::format("{}:{}", wire.service->folder, wire.operation->name);
  return fail("AccessDenied",
              fmt::format("User: {} is not authorized to perform: {} because no identity-based "
                          "policy allows the {} action",
                          caller.arn, action, action));
}

}  // namespace

// One request on its way.
struct Frontend::Exchange {
  api::HttpRequest request{};
  api::Wire wire{};
  std::string request_id{};
  std::chrono::steady_clock::time_point began{};
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
      request_ids_(fresh_seed()),
      verifier_(options_.region) {}

void Frontend::add_route(std::string prefix, Handler handler, Access access) {
  routes_.push_back({.prefix = std::move(prefix), .handler = std::move(handler), .access = access});
}

void Frontend::handle(HttpRequest request, Respond respond) {
  for (const Route& route : routes_)
    if (request.target.starts_with(route.prefix)) {
      const bool scrapes = route.access == Access::Scrape && has_metrics_token(request);
      if (route.access != Access::Open && !scrapes && !has_token(request))
        return refuse_token(respond);
      return route.handler(std::move(request), std::move(respond));
    }
  if (handle_own(request, respond)) return;
  auto exchange = std::make_shared<Exchange>();
  exchange->began = std::chrono::steady_clock::now();
  exchange->body = std::static_pointer_cast<ObjectBody>(request.sink);
  const std::size_t question = request.target.find('?');
  exchange->request = {
      .method = std::move(request.method),
      .path = request.target.substr(0, question),
      .query = question == std::string::npos ? "" : request.target.substr(question + 1),
      .headers = std::move(request.headers),
      .body = std::move(request.body)};
  exchange->wire = api::identify(exchange->request);
  if (exchange->wire.service == nullptr && is_link_operation(exchange->wire.operation_name)) {
    // A SubscribeURL has neither signature nor version: on AWS its host identifies the service.
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

void Frontend::plan(const HttpRequest& request, const Decide& decide) {
  const std::optional<std::uint64_t> length = content_length(request);
  const bool chunked = std::ranges::any_of(request.headers, [](const auto& header) {
    return same_letters(header.first, "transfer-encoding");
  });
  const bool small = !chunked && length.value_or(0) <= small_body_bytes;
  // Where nothing is to be decided before the body is there.
  if (small && request.method != "PUT") return decide({.bytes_max = small_body_bytes});
  const bool routed = std::ranges::any_of(
      routes_, [&](const Route& route) { return request.target.starts_with(route.prefix); });
  if (request.target == call_path && has_token(request))
    return decide({.bytes_max = own_call_bytes_max});
  if (routed || request.target.starts_with("/_kiban/"))
    return decide({.bytes_max = small_body_bytes});
  auto head = std::make_shared<api::HttpRequest>(head_of(request));
  const api::Wire wire = api::identify(*head);
  const bool bulk = api::takes_bulk(wire);
  if (small && !bulk) return decide({.bytes_max = small_body_bytes});
  if (!bulk && length.value_or(0) > body_bytes_max(wire))
    return decide(
        {.refused = to_reply({.wire = wire},
                             api::encode_error(wire, too_large_error(wire), request_ids_.uuid()))});
  const auto signature = api::read_signature(*head);
  if (options_.auth == kernel::Auth::Any || (!signature && needs_no_signature(wire)))
    return decide(planned(*head, wire, std::nullopt));
  find_key(signature ? signature->access_key_id : "",
           [this, head, wire, decide](const std::optional<StoredKey>& stored) {
             plan_authenticated(head, wire, stored, decide);
           });
}

void Frontend::plan_authenticated(const std::shared_ptr<api::HttpRequest>& head,
                                  const api::Wire& wire, const std::optional<StoredKey>& stored,
                                  const Decide& decide) {
  auto verified = verifier_.verify_head(*head, wire, lookup(stored), host_now());
  if (verified) return decide(planned(*head, wire, *std::move(verified)));
  decide({.refused = to_reply({.wire = wire},
                              api::encode_error(wire, verified.error(), request_ids_.uuid()))});
}

BodyPlan Frontend::planned(const api::HttpRequest& head, const api::Wire& wire,
                           std::optional<api::ChunkSigning> signing) {
  if (api::takes_bulk(wire))
    return {.sink = std::make_shared<ObjectBody>(
                fmt::format("{}/object-{}", options_.bodies, ++bodies_), head, std::move(signing))};
  return {.bytes_max = body_bytes_max(wire), .too_large = [this, wire] {
            return to_reply({.wire = wire},
                            api::encode_error(wire, too_large_error(wire), request_ids_.uuid()));
          }};
}

// Identity --------------------------------------------------------------------------------------

void Frontend::authenticate(const Shared& exchange) {
  exchange->signature = api::read_signature(exchange->request);
  exchange->caller = {.account = options_.account,
                      .region = options_.region,
                      .arn = fmt::format("arn:aws:iam::{}:root", options_.account)};
  if (!exchange->signature) {
    with_key(exchange, std::nullopt);
    return;
  }
  if (!exchange->signature->region.empty()) exchange->caller.region = exchange->signature->region;
  exchange->caller.access_key_id = exchange->signature->access_key_id;
  find_key(
      exchange->signature->access_key_id,
      [this, exchange](const std::optional<StoredKey>& stored) { with_key(exchange, stored); });
}

void Frontend::find_key(const std::string& id,
                        std::function<void(const std::optional<StoredKey>&)> found) {
  if (id == options_.root.access_key_id || !options_.find_key ||
      (!id.starts_with("ASIA") && !id.starts_with("AKIA")))
    return found(std::nullopt);
  // Keys of users and of sessions live in the kernel's rows.
  kernel_.visit([this, id, found = std::move(found)](kernel::Kernel& kernel) mutable {
    post_([found = std::move(found), stored = options_.find_key(kernel, id)] { found(stored); });
  });
}

api::KeyLookup Frontend::lookup(const std::optional<StoredKey>& stored) const {
  return [this, stored](std::string_view id) -> std::optional<api::Key> {
    if (id == options_.root.access_key_id)
      return api::Key{.secret = options_.root.secret_access_key};
    if (stored) return stored->key;
    return std::nullopt;
  };
}

void Frontend::with_key(const Shared& exchange, const std::optional<StoredKey>& stored) {
  if (stored) {
    exchange->caller.arn = stored->arn;
    exchange->caller.session_policies = stored->policies;
    exchange->caller.acts_for = stored->acts_for;
  }
  if (options_.auth == kernel::Auth::Sigv4 && !exchange->signature)
    exchange->caller.arn = "anonymous";
  if (options_.auth == kernel::Auth::Sigv4 &&
      (exchange->signature || !needs_no_signature(exchange->wire))) {
    const Result<api::Signature> verified =
        verifier_.verify(exchange->request, exchange->wire, lookup(stored), host_now());
    if (!verified) return refuse(*exchange, verified.error());
    // Deleting a role takes all permissions from its sessions; GetCallerIdentity needs none:
    // docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if (stored && stored->revoked && exchange->wire.operation != nullptr &&
        exchange->wire.operation->name != "GetCallerIdentity")
      return refuse(*exchange, without_permissions(exchange->caller, exchange->wire).error());
  }
  // Only bodies of objects are read in chunks, and their signatures with them.
  if (api::is_chunked(exchange->request) && !exchange->body &&
      exchange->wire.protocol == api::Protocol::RestXml)
    return refuse(*exchange, {.name = "NotImplemented",
                              .cause = "A header you provided implies functionality that is not "
                                       "implemented."});
  submit(exchange);
}

// Operations ------------------------------------------------------------------------------------

void Frontend::refuse(const Exchange& exchange, const Error& error) {
  respond_with(exchange.respond, encode_failure(exchange, error));
}

void Frontend::submit(const Shared& exchange) {
  if (exchange->request.body.size() <= small_body_bytes) return decode(exchange);
  decoder_.post([this, exchange] { decode(exchange); });
}

void Frontend::decode(const Shared& exchange) {
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
  if (options_.metrics != nullptr)
    options_.metrics->record(exchange.wire.operation, response.status, exchange.began);
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

// ?after=ID&denied=true&role=NAME: one JSON object a line, oldest first.
void Frontend::answer_decisions(const std::string& target, const Respond& respond) {
  kernel::DecisionLog::Query query;
  const std::size_t question = target.find('?');
  std::string_view rest = question == std::string::npos
                              ? std::string_view{}
                              : std::string_view(target).substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::string_view name = pair.substr(0, pair.find('='));
    const std::string_view given =
        pair.size() == name.size() ? std::string_view{} : pair.substr(name.size() + 1);
    const std::string value = api::decode_uri(given).value_or(std::string(given));
    if (name == "after") query.after = value;
    if (name == "denied") query.denied = value == "true";
    if (name == "role") query.role = value;
  }
  kernel_.visit([respond, query = std::move(query)](kernel::Kernel& kernel) {
    std::string lines;
    for (const json::object& decision : kernel.decisions(query))
      lines += print_json(decision) + "\n";
    respond_with(respond, {.status = 200,
                           .headers = {{"Content-Type", "application/x-ndjson"}},
                           .body = std::move(lines)});
  });
}

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
                                  {"auth", options->auth == kernel::Auth::Any ? "any" : "sigv4"},
                                  {"iam", kernel::iam_name(kernel.iam())}}));
    });
    return true;
  }
  if (!has_token(request)) {
    refuse_token(respond);
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
  if (path == call_path && request.method == "POST") {
    call_as_root(request, respond);
    return true;
  }
  if (path == "/_kiban/decisions" && request.method == "GET") {
    answer_decisions(request.target, respond);
    return true;
  }
  respond_with(respond, json_reply(404, json::object{{"message", "There is no " + path + "."}}));
  return true;
}

void Frontend::call_as_root(const HttpRequest& request, const Respond& respond) {
  const auto refuse_with = [respond](const Error& error) {
    respond_with(respond,
                 json_reply(400, json::object{{"code", error.name}, {"message", error.cause}}));
  };
  const auto body = parse_json(request.body);
  const json::object wish = body && body->is_object() ? body->get_object() : json::object{};
  const std::string operation = text(wish, "operation");
  const api::Service* service = api::find_service(text(wish, "service"));
  const api::Operation* shape = service == nullptr ? nullptr : service->operation(operation);
  if (shape == nullptr)
    return refuse_with(
        {.name = "UnknownOperationException",
         .cause = "kiban does not serve " + text(wish, "service") + ":" + operation});
  const json::object* given = find_object(wish, "input");
  json::object input = given == nullptr ? json::object{} : *given;
  if (const Result<void> valid = api::validate(*service, *shape, input); !valid)
    return refuse_with(valid.error());
  kernel_.submit({.service = text(wish, "service"),
                  .operation = operation,
                  .input = std::move(input),
                  .caller = {.account = options_.account,
                             .region = options_.region,
                             .arn = fmt::format("arn:aws:iam::{}:root", options_.account)},
                  .reply =
                      [respond, refuse_with](Result<json::object> reply) {
                        if (!reply) return refuse_with(reply.error());
                        respond_with(respond, json_reply(200, *reply));
                      },
                  .abandoned = request.gone});
}

std::string own_token(const std::string& secret_access_key) {
  return store::sha256_hex("kiban token " + secret_access_key);
}

std::string metrics_token(const std::string& secret_access_key) {
  return store::sha256_hex("kiban metrics " + secret_access_key);
}

namespace {

// In a time that says nothing of where they differ.
bool same_secret(std::string_view given, std::string_view right) {
  return given.size() == right.size() &&
         CRYPTO_memcmp(given.data(), right.data(), right.size()) == 0;
}

}  // namespace

bool Frontend::has_metrics_token(const HttpRequest& request) const {
  const std::string right = "Bearer " + metrics_token(options_.root.secret_access_key);
  return std::ranges::any_of(request.headers, [&](const auto& header) {
    return same_letters(header.first, "authorization") && same_secret(header.second, right);
  });
}

bool Frontend::has_token(const HttpRequest& request) const {
  std::string token;
  for (const auto& [name, value] : request.headers)
    if (same_letters(name, "x-kiban-token")) token = value;
  return same_secret(token, own_token(options_.root.secret_access_key)) ||
         (options_.auth == kernel::Auth::Any && token == own_token("test"));
}

}  // namespace kiban::runtime
