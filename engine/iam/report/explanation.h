// Why a request was decided as it was, and for a denial the smallest statements that allow it.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "iam/report/record.h"
#include "iam/report/resources.h"

namespace kiban::iam::report {

struct Fix {
  std::string where{};       // Which policy gets the statement, for people.
  json::object statement{};  // With a Principal when it belongs to a resource's policy.
  std::string cdk{};         // TypeScript of aws-cdk-lib that adds it.
};

struct Explanation {
  std::vector<std::string> reasons{};  // A sentence each.
  std::vector<Fix> fixes{};            // All are needed; empty: no statement would allow it.
};

Explanation explain(const Record& record, const Resources& resources);

}  // namespace kiban::iam::report
