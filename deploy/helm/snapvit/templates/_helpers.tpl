{{- define "snapvit.name" -}}
{{- if contains "snapvit" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-snapvit" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "snapvit.selector" -}}
app.kubernetes.io/name: snapvit
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "snapvit.labels" -}}
{{ include "snapvit.selector" . }}
{{ include "snapvit.origin" . }}
{{- end }}

{{- define "snapvit.origin" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* Of the pod, and of its container. */}}
{{- define "snapvit.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "snapvit.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "snapvit.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* server.yaml: the configuration file of the server. A key may be there once: options come over the chart's own, and
the schema of the values bans those that other parts of the chart rely on. YAML reads off and on as booleans, which the
server does not know. */}}
{{- define "snapvit.config" -}}
{{- $config := dict
  "model" .Values.model.path
  "listen" "0.0.0.0:50051"
  "http" "0.0.0.0:8080"
  "cache-dir" "/var/cache/snapvit"
  "drain-grace" (printf "%ds" (int .Values.drainSeconds))
  "log-format" "json" }}
{{- if .Values.gpus }}
{{- $_ := set $config "device" "cuda" }}
{{- else }}
{{- $_ := set $config "threads" (max 1 (sub (int .Values.cpus) 1)) }}
{{- end }}
{{- if .Values.tenants }}
{{- $_ := set $config "tenants" "/etc/snapvit/tenants/tenants.yaml" }}
{{- end }}
{{- if .Values.tls.secret }}
{{- $_ := set $config "tls-cert" "/etc/snapvit/tls/tls.crt" }}
{{- $_ := set $config "tls-key" "/etc/snapvit/tls/tls.key" }}
{{- end }}
{{- range $name, $value := .Values.options }}
{{- if kindIs "bool" $value }}
{{- $value = ternary "on" "off" $value }}
{{- end }}
{{- if not (kindIs "invalid" $value) }}
{{- $_ := set $config $name $value }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}
