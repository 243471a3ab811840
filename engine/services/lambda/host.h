// What the Lambda service asks of the host that runs functions (engine/lambda), as effects, and
// what the host reports of them. Members are JSON; an absent member is not set.
//
// invoke_effect, id: the request id.
//   Payload: FunctionArn (with the version), FunctionName, Version, InvokedFunctionArn, RequestId,
//   InvokedBy ("client", "event", "states", "sqs"), Credentials {AccessKeyId,
//   SecretAccessKey, Token, Expiration (ISO 8601)} (absent when the role can't be assumed),
//   Payload (text), ClientContext (JSON text), TraceHeader, and Config: Runtime, Handler,
//   PackageType, Image {Uri, Repository, Digest, Manifest (text), EntryPoint, Command,
//   WorkingDirectory},
//   MemorySize (MB), Timeout (s), EphemeralStorage (MB), Environment {name: value}, Layers [{Arn,
//   Digest, Size}], CodeDigest and CodeSize (of the zip, a blob), CodeDir (a folder instead of it),
//   Role, RevisionId (changes with code and configuration), LogGroup, LogFormat, Architecture,
//   TracingMode, Concurrency (reserved; the service sees to it).
//   Outcomes that are not final: {Logs: [{Timestamp (ms), Message}], LogStream}.
//   The final outcome: Payload (text), FunctionError ("Unhandled" or "Handled"), LogTail (text, 4
//   KiB at most), DurationMs, BilledMs, InitMs, MaxMemoryMB, LogStream, Logs; or Error {Code,
//   Message}, the exception with which AWS answers in place of a payload.
// abandon_effect, id "abandon": {RequestIds}. Performed at the start of the server, before pending
//   invocations are handed over again: these have no caller any more and must not run. Final: {}.
// warm_effect, id "warm/" and FunctionArn: {FunctionArn, FunctionName, Version, Config,
//   Credentials, Count}: keep Count environments initialised. Final: {Ready: n} or {Error}.
// retire_effect, id "retire/" and a UUID: {FunctionName, FunctionArn, Version}: the version (all
//   versions when absent) was deleted. Final: {}.
#pragma once

#include <string_view>

namespace kiban::services::lambda {

constexpr std::string_view invoke_effect = "lambda.invoke";
constexpr std::string_view abandon_effect = "lambda.abandon";
constexpr std::string_view warm_effect = "lambda.warm";
constexpr std::string_view retire_effect = "lambda.retire";

}  // namespace kiban::services::lambda
