// What the performer of a task's effect `task.run` is told.
//
//   {"TaskArn", "Cluster", "Region", "Account", "Group", "TaskRoleArn", "Cpu" (units), "Memory"
//   (MiB), "StorageGiB",
//    "Endpoint": this server's URL, "Hosts": {name: address}, "Network"?: interface.h, "Egress"
//    (whether it reaches what lies outside), "CredentialsId"?: credentials.h,
//    "MetadataSecret": metadata.h,
//    "Containers": [{"Name", "Image", "ImageManifest" and "ImageDigest" or "ImageError",
//                    "Environment": {name: value} with secrets, "Essential", "StopTimeout",
//                    "MetadataId": metadata.h, "Log": log_plan() of task_definition.h,
//                    "EntryPoint"?, "Command"?, "PortMappings"?, "WorkingDirectory"?, "User"?,
//                    "Memory"?, "Cpu"?, "ReadonlyRootFilesystem"?, and as ECS's API has them:
//                    "MountPoints"?, "DependsOn"?, "HealthCheck"?, "Ulimits"?,
//                    "LinuxParameters"?}]}
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Secrets and images are read as the execution role; `definition` has the overrides of the task as
// a whole. `task` is the new task's row. The error's cause is the task's stoppedReason: a secret,
// an image or a log stream that the role may not have, or a role that ECS can't assume.
Result<json::object> task_plan(Context& context, const json::object& input,
                               const json::object& definition, const json::object& task);

// The entry of overrides.containerOverrides for this container; empty when there is none.
json::object container_override(const json::object& input, std::string_view name);

}  // namespace kiban::services::ecs
