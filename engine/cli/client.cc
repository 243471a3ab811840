#include "cli/client.h"

#include <fmt/core.h>

#include <cstdlib>

#include "api/codec.h"
#include "api/model.h"
#include "api/sigv4.h"
#include "cli/data_directory.h"
#include "cli/report.h"
#include "core/letters.h"
#include "runtime/frontend.h"
#include "runtime/http_client.h"

namespace kiban::cli {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Error error_of(const runtime::HttpReply& reply) {
  const Result<json::value> value = parse_json(reply.body);
  Error error{.name = fmt::format("HTTP {}", reply.status), .cause = reply.body.substr(0, 500)};
  // REST services name the error in a header, some with a URL behind a colon.
  for (const auto& [name, type] : reply.headers)
    if (lower_case(name) == "x-amzn-errortype") error.name = type.substr(0, type.find(':'));
  if (!value || !value->is_object()) return error;
  for (const char* key : {"__type", "code", "Code"})
    if (const json::string* type = find_string(value->get_object(), key)) {
      error.name = to_string(*type);
      error.name = error.name.substr(error.name.find('#') + 1);
      break;
    }
  for (const char* key : {"message", "Message"})
    if (const json::string* message = find_string(value->get_object(), key))
      error.cause = to_string(*message);
  return error;
}

Result<runtime::HttpReply> exchange(const Client& client, const api::Service& model,
                                    api::HttpRequest request) {
  KIBAN_TRY(const runtime::Url url, runtime::parse_url(client.endpoint));
  request.headers.insert(request.headers.begin(), {"Host", url.host + ":" + url.port});
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  api::sign(request,
            {.access_key_id = client.access_key_id,
             .secret = client.secret_access_key,
             .region = client.region,
             .service = std::string(model.signing_name)},
            now);
  const std::string query = request.query.empty() ? "" : "?" + request.query;
  return runtime::fetch({.method = request.method,
                         .url = client.endpoint + request.path + query,
                         .headers = request.headers,
                         .body = request.body,
                         .timeout = client.timeout});
}

Result<json::object> send(const Client& client, const api::Service& model,
                          api::HttpRequest request) {
  KIBAN_TRY(const runtime::HttpReply reply, exchange(client, model, std::move(request)));
  if (reply.status != 200) return std::unexpected(error_of(reply));
  KIBAN_TRY(json::value value, parse_json(reply.body.empty() ? "{}" : reply.body));
  if (!value.is_object()) return fail("BadReply", reply.body.substr(0, 200));
  return std::move(value.get_object());
}

}  // namespace

Client make_client(const ClientOptions& options) {
  const std::string data = options.data.empty() ? default_data_directory() : options.data;
  const auto file = read_server_file(data);
  const auto root = runtime::load_root_key(data);
  Client client{.endpoint = options.endpoint,
                .region = environment("AWS_REGION"),
                .account = "000000000000",
                .access_key_id = environment("AWS_ACCESS_KEY_ID"),
                .secret_access_key = environment("AWS_SECRET_ACCESS_KEY")};
  if (!options.endpoint.empty()) client.given += " --endpoint " + options.endpoint;
  if (!options.data.empty()) client.given += " --data " + options.data;
  if (client.endpoint.empty()) client.endpoint = environment("KIBAN_ENDPOINT");
  if (client.endpoint.empty() && file) client.endpoint = file->endpoint;
  if (client.endpoint.empty()) client.endpoint = "http://127.0.0.1:4566";
  while (client.endpoint.ends_with('/')) client.endpoint.pop_back();
  if (file && client.region.empty()) client.region = file->region;
  if (file) client.account = file->account;
  if (client.region.empty()) client.region = "ap-northeast-1";
  // The directory's key goes before the environment's: that may be one for AWS itself.
  if (root) {
    client.access_key_id = root->access_key_id;
    client.secret_access_key = root->secret_access_key;
    client.key_found = true;
  }
  if (client.access_key_id.empty() || client.secret_access_key.empty()) {
    client.access_key_id = "test";
    client.secret_access_key = "test";
  }
  return client;
}

Result<json::object> Client::call(const std::string& service, const std::string& operation,
                                  const json::object& input) const {
  const api::Service* model = api::find_service(service);
  if (model == nullptr || model->target_prefix.empty())
    return fail("UnknownService", "kiban has no " + service);
  return send(
      *this, *model,
      {.method = "POST",
       .path = "/",
       .headers = {{"Content-Type", fmt::format("application/x-amz-json-{}", model->json_version)},
                   {"X-Amz-Target", fmt::format("{}.{}", model->target_prefix, operation)}},
       .body = print_json(input)});
}

Result<json::object> Client::get(
    const std::string& service, const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& query) const {
  const api::Service* model = api::find_service(service);
  if (model == nullptr) return fail("UnknownService", "kiban has no " + service);
  api::HttpRequest request{.method = "GET", .path = path};
  for (const auto& [name, value] : query)
    request.query +=
        fmt::format("{}{}={}", request.query.empty() ? "" : "&", name, api::encode_uri(value));
  return send(*this, *model, std::move(request));
}

Result<Answer> Client::post(const std::string& service, const std::string& path,
                            const std::vector<std::pair<std::string, std::string>>& headers,
                            const std::string& body) const {
  const api::Service* model = api::find_service(service);
  if (model == nullptr) return fail("UnknownService", "kiban has no " + service);
  KIBAN_TRY(
      runtime::HttpReply reply,
      exchange(*this, *model, {.method = "POST", .path = path, .headers = headers, .body = body}));
  if (reply.status < 200 || reply.status > 299) return std::unexpected(error_of(reply));
  return Answer{.headers = std::move(reply.headers), .body = std::move(reply.body)};
}

Result<json::array> Client::list(const std::string& service, const std::string& operation,
                                 json::object input, const std::string& member,
                                 std::size_t most) const {
  json::array all;
  for (;;) {
    KIBAN_TRY(const json::object page, call(service, operation, input));
    if (const json::array* entries = find_array(page, member))
      for (const json::value& entry : *entries) all.push_back(entry);
    const json::string* token = find_string(page, "nextToken");
    if (token == nullptr || all.size() >= most) return all;
    input["nextToken"] = *token;
  }
}

Result<std::string> Client::get_own_text(const std::string& path,
                                         std::chrono::seconds patience) const {
  KIBAN_TRY(runtime::HttpReply reply,
            runtime::fetch({.url = endpoint + path,
                            .headers = {{"X-Kiban-Token", runtime::own_token(secret_access_key)}},
                            .timeout = patience}));
  if (reply.status != 200) return std::unexpected(error_of(reply));
  return std::move(reply.body);
}

Result<json::object> Client::post_own(const std::string& path, const json::object& body,
                                      std::chrono::seconds patience) const {
  KIBAN_TRY(const runtime::HttpReply reply,
            runtime::fetch({.method = "POST",
                            .url = endpoint + path,
                            .headers = {{"X-Kiban-Token", runtime::own_token(secret_access_key)},
                                        {"Content-Type", "application/json"}},
                            .body = print_json(body),
                            .timeout = patience}));
  if (reply.status != 200) return std::unexpected(error_of(reply));
  const auto value = parse_json(reply.body);
  if (!value || !value->is_object())
    return fail("BadReply", "what answers there is not kiban, or another version of it");
  return value->get_object();
}

Result<json::object> Client::ask(const std::string& service, const std::string& operation,
                                 const json::object& input) const {
  return post_own("/_kiban/call",
                  {{"service", service}, {"operation", operation}, {"input", input}}, timeout);
}

Result<json::array> Client::ask_all(const std::string& service, const std::string& operation,
                                    json::object input, const Pages& pages) const {
  json::array all;
  for (;;) {
    KIBAN_TRY(const json::object page, ask(service, operation, input));
    const json::array* entries = find_array(page, pages.member);
    for (const json::value& entry : entries == nullptr ? json::array{} : *entries)
      all.push_back(entry);
    const json::string* token = find_string(page, pages.token_out);
    if (token == nullptr) return all;
    input[pages.token_in] = *token;
  }
}

Result<json::object> Client::get_own(const std::string& path, std::chrono::seconds patience) const {
  KIBAN_TRY(const runtime::HttpReply reply,
            runtime::fetch({.url = endpoint + path,
                            .headers = {{"X-Kiban-Token", runtime::own_token(secret_access_key)}},
                            .timeout = patience}));
  if (reply.status == 403 || reply.status == 404) return std::unexpected(error_of(reply));
  const auto value = parse_json(reply.body);
  if (reply.status != 200 || !value || !value->is_object())
    return fail("BadReply", "what answers there is not kiban, or another version of it");
  return value->get_object();
}

Result<json::object> Client::health() const {
  return get_own("/_kiban/health", std::chrono::seconds{5});
}

Result<Timestamp> Client::clock() const {
  KIBAN_TRY(const json::object clock, get_own("/_kiban/clock", std::chrono::seconds{5}));
  const json::string* now = find_string(clock, "now");
  if (now == nullptr) return fail("BadReply", "the server does not tell its time");
  return parse_iso8601(to_string(*now));
}

int complain_about_call(const std::string& what, const Client& client, const Error& error) {
  if (error.name == "ConnectFailed")
    return complain(what, "no server answers at " + client.endpoint,
                    "Start one with 'kiban serve', or name it with --endpoint URL.");
  if (error.cause.starts_with("X-Kiban-Token is"))  // Of a route of kiban's own.
    return complain(what, "the server at " + client.endpoint + " has another key",
                    "Name the server's data directory with --data DIR.");
  if (error.name.find("Signature") != std::string::npos ||
      error.name == "UnrecognizedClientException" || error.name == "InvalidClientTokenId")
    return complain(what, fmt::format("{}: {}", error.name, error.cause),
                    "Name the server's data directory with --data DIR.");
  return complain(what, fmt::format("{}: {}", error.name, error.cause),
                  "'kiban " + what + " --help' tells what it takes.");
}

}  // namespace kiban::cli
