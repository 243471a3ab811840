// Requests of the AWS JSON protocol as bytes, signed ahead of the moment they are sent.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/sigv4.h"

namespace kiban::load {

struct Target {
  std::string host{};  // 127.0.0.1:4566
  api::Signer signer{};
};

struct Operation {
  std::string service{"states"};  // A service of engine/services that speaks JSON.
  std::string name{};             // StartExecution
};

std::string signed_request(const Target& target, const Operation& operation, std::string body,
                           Timestamp now);

// One request for each body, signed at construction and again when its signature has aged: the
// server refuses one that is older than 5 minutes.
class Requests {
 public:
  Requests(Target target, Operation operation, std::vector<std::string> bodies, Timestamp now);
  // The bodies in turn.
  std::shared_ptr<const std::string> next(Timestamp now);

 private:
  struct Signed {
    std::shared_ptr<const std::string> bytes{};
    Timestamp at{};
  };
  std::shared_ptr<const std::string> sign(const std::string& body, Timestamp now) const;

  Target target_;
  Operation operation_;
  std::vector<std::string> bodies_;
  std::vector<Signed> signed_{};
  std::size_t turn_{0};
};

}  // namespace kiban::load
