#include "runtime/registry.h"

#include <fmt/core.h>

#include <chrono>

#include "api/codec.h"
#include "core/letters.h"
#include "core/utf8.h"
#include "runtime/entropy.h"

namespace kiban::runtime {

namespace {

constexpr auto token_lifetime = std::chrono::hours{12};  // As ecr:GetAuthorizationToken gives them.
constexpr std::size_t tokens_remembered_max = 1'000;
constexpr std::uint64_t small_body_bytes = 64UL * 1024;
// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pushing-manifests
constexpr std::uint64_t manifest_bytes_max = 4UL * 1024 * 1024;
constexpr std::string_view algorithm = "sha256:";

Timestamp host_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (same_letters(key, name)) return value;
  return {};
}

// The password of "Authorization: Basic base64(AWS:password)".
std::optional<std::string> password_of(const HttpRequest& request) {
  const std::string given = header(request, "Authorization");
  constexpr std::string_view scheme = "Basic ";
  if (!given.starts_with(scheme)) return std::nullopt;
  const auto login = api::decode_base64(std::string_view(given).substr(scheme.size()));
  if (!login || !login->starts_with("AWS:")) return std::nullopt;
  return login->substr(4);
}

HttpReply reply(int status, Headers headers = {}, std::string body = {}) {
  headers.emplace_back("Docker-Distribution-Api-Version", "registry/2.0");
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes
HttpReply error_reply(int status, std::string_view code, std::string_view message,
                      Headers headers = {}) {
  headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  const json::array errors{json::object{{"code", code}, {"message", message}}};
  return reply(status, std::move(headers), print_json(json::object{{"errors", errors}}));
}

// The registry protocol's reply for an Error of the ecr service or of an upload.
HttpReply error_reply(const Error& error) {
  struct Known {
    std::string_view name{};
    int status{400};
    std::string_view code{};
  };
  static constexpr Known all[] = {
      {"RepositoryNotFoundException", 404, "NAME_UNKNOWN"},
      {"LayersNotFoundException", 404, "BLOB_UNKNOWN"},
      {"ReferencedImagesNotFoundException", 404, "MANIFEST_BLOB_UNKNOWN"},
      {"ImageNotFound", 404, "MANIFEST_UNKNOWN"},
      {"InvalidImageDigest", 400, "DIGEST_INVALID"},
      {"ImageReferencedByManifestList", 400, "DENIED"},
      {"ImageTagAlreadyExistsException", 400, "TAG_INVALID"},
      {"ImageDigestDoesNotMatchException", 400, "DIGEST_INVALID"},
      {"InvalidParameterException", 400, "MANIFEST_INVALID"},
      {"AccessDeniedException", 403, "DENIED"},
      {"AccessDenied", 403, "DENIED"},
      {"BLOB_UPLOAD_UNKNOWN", 404, "BLOB_UPLOAD_UNKNOWN"},
      {"RANGE_INVALID", 416, "BLOB_UPLOAD_INVALID"},
      {"DIGEST_INVALID", 400, "DIGEST_INVALID"},
  };
  for (const Known& known : all)
    if (known.name == error.name) return error_reply(known.status, known.code, error.cause);
  return error_reply(500, "UNKNOWN", error.name + ": " + error.cause);
}

bool is_digest(std::string_view text) {
  return text.starts_with(algorithm) && text.size() == 71 &&
         text.find_first_not_of("0123456789abcdef", algorithm.size()) == std::string_view::npos;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::string* found = find_string(object, key);
  return found ? to_string(*found) : std::string{};
}

std::uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* found = find(object, key);
  return found && found->is_number() ? found->to_number<std::uint64_t>() : 0;
}

// "0-99" of 100 bytes. The header cannot express an empty range; registries answer 0-0.
std::string range_of(std::uint64_t size) { return fmt::format("0-{}", size == 0 ? 0 : size - 1); }

}  // namespace

// One request on its way.
struct Registry::Exchange {
  HttpRequest request{};
  RegistryPath path{};
  services::Caller caller{};
  Respond respond{};

  void answer(HttpReply made) const {
    respond([made = std::move(made)] { return made; });
  }
  bool reads() const { return request.method == "GET" || request.method == "HEAD"; }
  std::string place(std::string_view rest) const {
    return fmt::format("/v2/{}/{}", path.repository, rest);
  }
  void refuse_method() const {
    answer(error_reply(405, "UNSUPPORTED", request.method + " is not served here"));
  }
  // The reply that contains the blob's location.
  void answer_blob(const std::string& digest) const {
    answer(reply(201, {{"Location", place("blobs/" + digest)}, {"Docker-Content-Digest", digest}}));
  }
  void answer_upload(int status, const std::string& id, std::uint64_t size) const {
    answer(reply(status, {{"Location", place("blobs/uploads/" + id)},
                          {"Range", range_of(size)},
                          {"Docker-Upload-UUID", id}}));
  }
  Spool* body() const { return static_cast<Spool*>(request.sink.get()); }
};

Registry::Registry(KernelThread& kernel, store::Blobs& blobs, std::unique_ptr<Uploads> uploads,
                   std::function<void(std::function<void()>)> post, RegistryOptions options)
    : kernel_(kernel),
      blobs_(blobs),
      uploads_(std::move(uploads)),
      post_(std::move(post)),
      options_(std::move(options)),
      ids_(fresh_seed()) {}

void Registry::plan(const HttpRequest& request, const Decide& decide) {
  const bool sends =
      request.method == "PATCH" || request.method == "PUT" || request.method == "POST";
  const auto path = sends ? parse_registry_path(request.target) : std::nullopt;
  if (!path) return decide({.bytes_max = small_body_bytes});
  const bool layer =
      path->kind == RegistryPath::Kind::Uploads || path->kind == RegistryPath::Kind::Upload;
  find_seen(request, [this, decide, layer](const std::optional<Seen>& seen) {
    if (auto refused = refusal(seen)) return decide({.refused = std::move(refused)});
    if (layer) return decide({.sink = uploads_->spool()});
    decide({.bytes_max = manifest_bytes_max, .too_large = [] {
              return error_reply(413, "MANIFEST_INVALID", "The manifest is too large.");
            }});
  });
}

void Registry::handle(HttpRequest request, Respond respond) {
  auto exchange = std::make_shared<Exchange>();
  auto path = parse_registry_path(request.target);
  exchange->request = std::move(request);
  exchange->respond = std::move(respond);
  if (!path)
    return exchange->answer(
        error_reply(404, "UNSUPPORTED", exchange->request.target + " is not served"));
  exchange->path = *std::move(path);
  find_seen(exchange->request,
            [this, exchange](const std::optional<Seen>& seen) { admit(exchange, seen); });
}

// Identity --------------------------------------------------------------------------------------

void Registry::find_seen(const HttpRequest& request,
                         const std::function<void(const std::optional<Seen>&)>& found) {
  const auto password = password_of(request);
  if (!password || !options_.find_token) return found(std::nullopt);
  if (const auto known = seen_.find(*password); known != seen_.end()) return found(known->second);
  kernel_.visit([this, found, password = *password](kernel::Kernel& kernel) {
    post_([this, found, password, token = options_.find_token(kernel, password)] {
      if (!token) return found(std::nullopt);
      if (seen_.size() >= tokens_remembered_max) seen_.clear();
      found(seen_.try_emplace(password, Seen{*token, host_now()}).first->second);
    });
  });
}

bool Registry::expired(const Seen& seen) const {
  return host_now() >= (options_.virtual_clock ? seen.first + token_lifetime : seen.token.expires);
}

std::optional<HttpReply> Registry::refusal(const std::optional<Seen>& seen) const {
  if (options_.auth == kernel::Auth::Any) return std::nullopt;
  if (!seen)
    return error_reply(
        401, "UNAUTHORIZED", "Not Authorized",
        {{"WWW-Authenticate", R"(Basic realm="kiban",service="ecr.amazonaws.com")"}});
  if (!expired(*seen)) return std::nullopt;
  return error_reply(403, "DENIED",
                     "Your authorization token has expired. Reauthenticate and try again.");
}

void Registry::admit(const Shared& exchange, const std::optional<Seen>& seen) {
  if (auto refused = refusal(seen)) return exchange->answer(*std::move(refused));
  exchange->caller = {.account = options_.account,
                      .region = options_.region,
                      .arn = fmt::format("arn:aws:iam::{}:root", options_.account)};
  if (seen) {
    exchange->caller.arn = seen->token.caller;
    exchange->caller.region = seen->token.region;
  }
  route(exchange);
}

void Registry::route(const Shared& exchange) {
  using Kind = RegistryPath::Kind;
  const std::string& method = exchange->request.method;
  switch (exchange->path.kind) {
    case Kind::Base:
      if (!exchange->reads()) return exchange->refuse_method();
      return exchange->answer(reply(200, {{"Content-Type", "application/json"}}, "{}"));
    case Kind::Tags:
      return method == "GET" ? tags(exchange) : exchange->refuse_method();
    case Kind::Manifest:
      return manifest(exchange);
    case Kind::Blob:
      return exchange->reads() ? blob(exchange) : exchange->refuse_method();
    case Kind::Uploads:
      return method == "POST" ? start_upload(exchange) : exchange->refuse_method();
    case Kind::Upload:
      return upload(exchange);
  }
}

void Registry::ask_raw(const Shared& exchange, std::string operation, json::object input,
                       std::function<void(const Result<json::object>&)> done) {
  // From the path, the query string and headers.
  if (!is_utf8(input))
    return done(fail("InvalidParameterException", "The request is not valid UTF-8"));
  kernel_.submit({.service = "ecr",
                  .operation = std::move(operation),
                  .input = std::move(input),
                  .caller = exchange->caller,
                  .reply = std::move(done)});
}

void Registry::ask(const Shared& exchange, std::string operation, json::object input,
                   std::function<void(const json::object&)> done) {
  if (!input.contains("repositoryName")) input["repositoryName"] = exchange->path.repository;
  ask_raw(exchange, std::move(operation), std::move(input),
          [exchange, done = std::move(done)](const Result<json::object>& result) {
            if (result)
              done(*result);
            else
              exchange->answer(error_reply(result.error()));
          });
}

// Reading ---------------------------------------------------------------------------------------

void Registry::blob(const Shared& exchange) {
  if (!is_digest(exchange->path.reference))
    return exchange->answer(error_reply(400, "DIGEST_INVALID", "A blob is named by its SHA-256"));
  ask(exchange, "kiban:GetLayer", {{"layerDigest", exchange->path.reference}},
      [this, exchange](const json::object& layer) {
        send_blob(exchange, number_of(layer, "layerSize"));
      });
}

void Registry::send_blob(const Shared& exchange, std::uint64_t size) {
  const std::string& digest = exchange->path.reference;
  const std::string hex = digest.substr(algorithm.size());
  const std::string wanted = header(exchange->request, "Range");
  const auto range = parse_byte_range(wanted, size);
  if (!range)
    return exchange->answer(error_reply(416, "SIZE_INVALID", "The blob has no such bytes",
                                        {{"Content-Range", fmt::format("bytes */{}", size)}}));
  HttpReply made =
      reply(range->size == size ? 200 : 206, {{"Content-Type", "application/octet-stream"},
                                              {"Docker-Content-Digest", digest},
                                              {"Accept-Ranges", "bytes"}});
  if (range->size != size)
    made.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range->offset,
                                                           range->offset + range->size - 1, size));
  if (auto file = blobs_.file(hex)) {
    made.files = {{.path = *file, .offset = range->offset, .size = range->size}};
  } else {
    const Result<std::string> bytes = blobs_.read(hex);
    if (!bytes)
      return exchange->answer(error_reply(500, "UNKNOWN", "the bytes of " + digest + " are gone"));
    made.body = bytes->substr(range->offset, range->size);
  }
  exchange->answer(std::move(made));
}

void Registry::manifest(const Shared& exchange) {
  const std::string& reference = exchange->path.reference;
  const std::string& method = exchange->request.method;
  const bool by_digest = reference.find(':') != std::string::npos;
  if (by_digest && !is_digest(reference))
    return exchange->answer(
        error_reply(400, "DIGEST_INVALID", reference + " is no SHA-256 digest"));
  if (method == "PUT") return put_manifest(exchange);
  const json::object id{{by_digest ? "imageDigest" : "imageTag", reference}};
  const auto failed = [](const json::object& result) -> std::optional<Error> {
    const json::array* failures = find_array(result, "failures");
    if (!failures || failures->empty()) return std::nullopt;
    const json::object& first = failures->front().as_object();
    return Error{.name = text_of(first, "failureCode"), .cause = text_of(first, "failureReason")};
  };
  if (method == "DELETE")
    return ask(exchange, "BatchDeleteImage", {{"imageIds", json::array{id}}},
               [exchange, failed](const json::object& result) {
                 const auto error = failed(result);
                 exchange->answer(error ? error_reply(*error) : reply(202));
               });
  if (!exchange->reads()) return exchange->refuse_method();
  ask(exchange, "BatchGetImage", {{"imageIds", json::array{id}}},
      [exchange, failed](const json::object& result) {
        if (const auto error = failed(result)) return exchange->answer(error_reply(*error));
        const json::object& image = result.at("images").at(0).as_object();
        exchange->answer(reply(
            200,
            {{"Content-Type", text_of(image, "imageManifestMediaType")},
             {"Docker-Content-Digest", text_of(image.at("imageId").as_object(), "imageDigest")}},
            text_of(image, "imageManifest")));
      });
}

void Registry::put_manifest(const Shared& exchange) {
  const std::string& reference = exchange->path.reference;
  json::object input{{"repositoryName", exchange->path.repository},
                     {"imageManifest", exchange->request.body}};
  input[is_digest(reference) ? "imageDigest" : "imageTag"] = reference;
  std::string type = header(exchange->request, "Content-Type");
  type = type.substr(0, type.find(';'));
  if (!type.empty()) input["imageManifestMediaType"] = type;
  const std::string digest{std::string(algorithm) + store::sha256_hex(exchange->request.body)};
  ask_raw(
      exchange, "PutImage", std::move(input),
      [exchange, digest](const Result<json::object>& result) {
        // Pushing an image that exists already is not an error in this protocol.
        const bool done = result || result.error().name == "ImageAlreadyExistsException";
        if (done)
          return exchange->answer(
              reply(201, {{"Location", exchange->place("manifests/" + exchange->path.reference)},
                          {"Docker-Content-Digest", digest}}));
        if (result.error().name == "LayersNotFoundException")
          return exchange->answer(error_reply(400, "MANIFEST_BLOB_UNKNOWN", result.error().cause));
        exchange->answer(error_reply(result.error()));
      });
}

// All tags, or `n` of them behind the tag `last`, in lexical order.
void Registry::tags(const Shared& exchange) {
  ask(exchange, "kiban:ListTags", {}, [exchange](const json::object& result) {
    const std::string last = exchange->path.parameter("last");
    const std::string n = exchange->path.parameter("n");
    const bool bounded =
        !n.empty() && n.size() < 10 && n.find_first_not_of("0123456789") == std::string::npos;
    if (!n.empty() && !bounded)
      return exchange->answer(error_reply(400, "UNSUPPORTED", "n must be a number"));
    const std::size_t limit = bounded ? std::stoul(n) : SIZE_MAX;
    json::array shown;
    Headers headers{{"Content-Type", "application/json"}};
    for (const json::value& tag : result.at("tags").as_array()) {
      if (!last.empty() && std::string_view(tag.as_string()) <= last) continue;
      if (shown.size() == limit) {
        if (limit > 0)
          headers.emplace_back(
              "Link", fmt::format("<{}?n={}&last={}>; rel=\"next\"", exchange->place("tags/list"),
                                  limit, std::string_view(shown.back().as_string())));
        break;
      }
      shown.push_back(tag);
    }
    exchange->answer(reply(
        200, std::move(headers),
        print_json(json::object{{"name", exchange->path.repository}, {"tags", std::move(shown)}})));
  });
}

// Uploads ---------------------------------------------------------------------------------------

void Registry::start_upload(const Shared& exchange) {
  const std::string mount = exchange->path.parameter("mount");
  const std::string from = exchange->path.parameter("from");
  if (!is_digest(mount) || from.empty()) return open_upload(exchange);
  // The layer of another repository becomes one of this; if it has none, it is uploaded.
  ask_raw(exchange, "kiban:GetLayer", {{"repositoryName", from}, {"layerDigest", mount}},
          [this, exchange, mount](const Result<json::object>& layer) {
            if (!layer) return open_upload(exchange);
            ask(exchange, "kiban:PutLayer",
                {{"layerDigest", mount}, {"layerSize", number_of(*layer, "layerSize")}},
                [exchange, mount](const json::object&) { exchange->answer_blob(mount); });
          });
}

void Registry::open_upload(const Shared& exchange) {
  ask(exchange, "kiban:OpenUpload", {}, [this, exchange](const json::object&) {
    worker_.post([this, exchange] {
      const std::string id = ids_.uuid();
      if (const auto begun = uploads_->begin(id); !begun)
        return exchange->answer(error_reply(begun.error()));
      if (exchange->path.query.contains("digest")) return finish_upload(exchange, id);
      exchange->answer_upload(202, id, 0);
    });
  });
}

void Registry::upload(const Shared& exchange) {
  worker_.post([this, exchange] {
    const std::string& id = exchange->path.reference;
    const std::string& method = exchange->request.method;
    if (method == "PUT") return finish_upload(exchange, id);
    Result<std::uint64_t> size = uploads_->size(id);
    if (size && method == "PATCH") {
      std::optional<std::uint64_t> at;
      const std::string range = header(exchange->request, "Content-Range");
      if (!range.empty()) at = std::strtoull(range.c_str(), nullptr, 10);
      size = uploads_->append(id, *exchange->body(), at);
    }
    if (!size) return exchange->answer(error_reply(size.error()));
    if (method == "PATCH") return exchange->answer_upload(202, id, *size);
    if (method == "GET") return exchange->answer_upload(204, id, *size);
    if (method != "DELETE") return exchange->refuse_method();
    uploads_->drop(id);
    exchange->answer(reply(204));
  });
}

// On the worker's thread.
void Registry::finish_upload(const Shared& exchange, const std::string& id) {
  const std::string digest = exchange->path.parameter("digest");
  if (!is_digest(digest)) {
    uploads_->drop(id);
    return exchange->answer(
        error_reply(400, "DIGEST_INVALID", "digest must be sha256: and 64 hexadecimal digits"));
  }
  const auto appended = uploads_->append(id, *exchange->body(), std::nullopt);
  if (!appended) return exchange->answer(error_reply(appended.error()));
  const auto size = uploads_->finish(id, digest.substr(algorithm.size()));
  if (!size) return exchange->answer(error_reply(size.error()));
  ask(exchange, "kiban:PutLayer", {{"layerDigest", digest}, {"layerSize", *size}},
      [exchange, digest](const json::object&) { exchange->answer_blob(digest); });
}

}  // namespace kiban::runtime
