// What the effects `lambda.invoke` and `lambda.warm` of engine/services/lambda say of a function.
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/time.h"

namespace kiban::lambda {

enum class Package { Zip, Image };
enum class LogFormat { Text, Json };

struct Credentials {
  std::string access_key_id{};
  std::string secret_access_key{};
  std::string token{};
  std::optional<Timestamp> expiration{};
};

struct Plan {
  std::string function_arn{};  // With the version: environments are not shared between versions.
  std::string function_name{};
  std::string version{};
  std::string revision{};  // Environments of another one are not used again.
  std::string runtime{};   // Of a zip: "python3.12".
  std::string handler{};
  Package package{Package::Zip};
  json::object image{};  // Repository, Digest, Manifest, EntryPoint, Command, WorkingDirectory.
  std::int64_t memory_mb{128};
  std::chrono::seconds timeout{3};
  std::int64_t storage_mb{512};       // Of /tmp.
  json::object environment{};         // The function's own variables.
  std::vector<std::string> layers{};  // Digests of their zips, the first extracted first.
  std::string code_digest{};          // Of the zip.
  std::string code_folder{};          // Used in place of a zip; empty: none.
  std::string log_group{};
  LogFormat log_format{LogFormat::Text};
  std::optional<Credentials> credentials{};

  std::string region() const;
};

// `payload` has FunctionArn, FunctionName, Version, Config and Credentials. Error `InvalidPlan`
// names the member that is missing.
Result<Plan> parse_plan(const json::object& payload);

}  // namespace kiban::lambda
