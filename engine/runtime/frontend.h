// From an HTTP request to a kernel command and back: who asks, in which protocol, for what.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/codec.h"
#include "api/sigv4.h"
#include "core/random.h"
#include "kernel/kernel.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"
#include "runtime/keys.h"
#include "runtime/metrics.h"
#include "runtime/uploads_object.h"
#include "runtime/worker.h"
#include "store/blobs.h"

namespace kiban::runtime {

// The key of a user or of a role's session, as the kernel's rows have it.
struct StoredKey {
  api::Key key{};
  std::string arn{};
  bool revoked{false};                  // Its role was deleted.
  std::vector<std::string> policies{};  // Documents that limit the session.
};

struct FrontendOptions {
  std::string account{"000000000000"};
  std::string region{"ap-northeast-1"};
  kernel::Auth auth{kernel::Auth::Sigv4};
  RootKey root{};
  std::string bodies{"/tmp"};  // Where bodies of objects lie on their way, beside the blobs.
  std::string version{"0.1.0"};
  RequestMetrics* metrics{nullptr};  // Outlives the front end.
  // Looks up the key of a user or session on the kernel's thread; empty: only root's key exists.
  std::function<std::optional<StoredKey>(kernel::Kernel&, std::string_view)> find_key{};
};

// What the header X-Kiban-Token must hold: only who can read the secret knows it.
std::string own_token(const std::string& secret_access_key);
// What `Authorization: Bearer` may hold for routes that are Access::Scrape, and for no others.
std::string metrics_token(const std::string& secret_access_key);

// Used on the I/O thread only; outlives its requests.
class Frontend {
 public:
  Frontend(KernelThread& kernel, store::Blobs& blobs, FrontendOptions options);

  void handle(HttpRequest request, Respond respond);
  // How the body is read: that of an object to a file, others to memory as far as the service takes
  // them. Where it is large or an object's, the caller is authenticated first.
  void plan(const HttpRequest& request, const Decide& decide);
  // How to get back to the I/O thread; set before the first request.
  void set_post(std::function<void(std::function<void()>)> post) { post_ = std::move(post); }
  // Requests whose path begins with `prefix` go to `handler` as they are: /v2/ of the registry.
  // Token: has_token() is asked first. Scrape: metrics_token() does too.
  enum class Access : std::uint8_t { Open, Token, Scrape };
  void add_route(std::string prefix, Handler handler, Access access = Access::Open);
  // What is below /_kiban/ is for who can read the data directory: such a request has its token.
  bool has_token(const HttpRequest& request) const;
  bool has_metrics_token(const HttpRequest& request) const;

 private:
  struct Exchange;
  using Shared = std::shared_ptr<Exchange>;

  // Passes on the key that `id` names, nullopt where there is none.
  void find_key(const std::string& id, std::function<void(const std::optional<StoredKey>&)> found);
  void plan_authenticated(const std::shared_ptr<api::HttpRequest>& head, const api::Wire& wire,
                          const std::optional<StoredKey>& stored, const Decide& decide);
  BodyPlan planned(const api::HttpRequest& head, const api::Wire& wire,
                   std::optional<api::ChunkSigning> signing);
  api::KeyLookup lookup(const std::optional<StoredKey>& stored) const;
  void decode(const Shared& exchange);
  void answer_decisions(const std::string& target, const Respond& respond);
  // Ours, below /_kiban/.
  bool handle_own(const HttpRequest& request, const Respond& respond);
  // POST /_kiban/call {"service", "operation", "input"}: an operation as the account's root, JSON
  // in and out whatever protocol the service speaks; an error is {"code", "message"} with status
  // 400.
  void call_as_root(const HttpRequest& request, const Respond& respond);
  void authenticate(const Shared& exchange);
  void with_key(const Shared& exchange, const std::optional<StoredKey>& stored);
  void submit(const Shared& exchange);
  // What the operation `wants_copy` reads is hashed before it is asked for.
  void prepare_copy(const Shared& exchange, api::Request request);
  void keep_body(const Shared& exchange, api::Request request);
  void ask(const Shared& exchange, api::Request request);
  void refuse(const Exchange& exchange, const Error& error);
  HttpReply encode(const Exchange& exchange, const Result<json::object>& result);
  HttpReply encode_failure(const Exchange& exchange, const Error& error);
  HttpReply to_reply(const Exchange& exchange, api::HttpResponse response);

  KernelThread& kernel_;
  store::Blobs& blobs_;
  FrontendOptions options_;
  Random request_ids_;
  api::Verifier verifier_{};
  std::function<void(std::function<void()>)> post_{};
  struct Route {
    std::string prefix{};
    Handler handler{};
    Access access{Access::Open};
  };
  std::vector<Route> routes_{};
  std::uint64_t bodies_{0};
  // The last: their jobs use all of the above.
  Worker worker_{};
  Worker decoder_{};  // Of large requests, which would keep the I/O thread from others.
};

}  // namespace kiban::runtime
