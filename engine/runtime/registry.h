// The OCI distribution API below /v2/: how images get into the ecr service and out of it.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
//
// As at AWS: Basic authentication with what GetAuthorizationToken gave; a repository must be there
// before one pushes to it; no deleting of single blobs. Blobs are by SHA-256. A blob is on disk
// before it is acknowledged, an image's row is durable before its manifest is. Bodies of layers go
// from the socket to a file and from a file to the socket.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/random.h"
#include "kernel/kernel.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"
#include "runtime/registry_path.h"
#include "runtime/uploads.h"
#include "runtime/worker.h"
#include "store/blobs.h"

namespace kiban::runtime {

// The caller to which a password was issued.
struct RegistryToken {
  std::string caller{};
  std::string region{};
  Timestamp expires{};  // By the kernel's clock when it was given.
};

struct RegistryOptions {
  std::string account{"000000000000"};
  std::string region{"ap-northeast-1"};
  kernel::Auth auth{kernel::Auth::Sigv4};
  // Looks a password up on the kernel's thread; nullopt: it was never issued.
  std::function<std::optional<RegistryToken>(kernel::Kernel&, const std::string& password)>
      find_token{};
  // The kernel's clock is not the host's: a password lives 12 hours of the host's time from when
  // this process saw it first.
  bool virtual_clock{false};
};

// Used on the I/O thread; outlives its requests.
class Registry {
 public:
  // `post`: how to get back to the I/O thread.
  Registry(KernelThread& kernel, store::Blobs& blobs, std::unique_ptr<Uploads> uploads,
           std::function<void(std::function<void()>)> post, RegistryOptions options);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  void handle(HttpRequest request, Respond respond);
  // Decides how the body of a request for /v2/ is received: a layer of an authenticated client goes
  // to a file.
  void plan(const HttpRequest& request, const Decide& decide);

 private:
  struct Exchange;
  using Shared = std::shared_ptr<Exchange>;
  struct Seen {
    RegistryToken token{};
    Timestamp first{};  // By the host's clock.
  };

  // Passes the token of the request's password to `found`; nullopt: the password is unknown.
  void find_seen(const HttpRequest& request,
                 const std::function<void(const std::optional<Seen>&)>& found);
  std::optional<HttpReply> refusal(const std::optional<Seen>& seen) const;
  void admit(const Shared& exchange, const std::optional<Seen>& seen);
  bool expired(const Seen& seen) const;
  void route(const Shared& exchange);

  void blob(const Shared& exchange);
  void send_blob(const Shared& exchange, std::uint64_t size);
  void manifest(const Shared& exchange);
  void put_manifest(const Shared& exchange);
  void tags(const Shared& exchange);
  void start_upload(const Shared& exchange);
  void open_upload(const Shared& exchange);
  void upload(const Shared& exchange);
  void finish_upload(const Shared& exchange, const std::string& id);

  // Runs an operation of the ecr service as the exchange's caller; its reply goes to `done` on the
  // kernel's thread, its Error to the client.
  void ask(const Shared& exchange, std::string operation, json::object input,
           std::function<void(const json::object&)> done);
  void ask_raw(const Shared& exchange, std::string operation, json::object input,
               std::function<void(const Result<json::object>&)> done);

  KernelThread& kernel_;
  store::Blobs& blobs_;
  std::unique_ptr<Uploads> uploads_;
  std::function<void(std::function<void()>)> post_;
  RegistryOptions options_;
  SecretRandom ids_;  // Of uploads.
  std::map<std::string, Seen> seen_{};

  Worker worker_{};  // The last: its jobs use all of the above.
};

}  // namespace kiban::runtime
