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

{{- /* server.yaml: the configuration file of the server. */}}
{{- define "snapvit.config" -}}
model: {{ .Values.model.path }}
listen: 0.0.0.0:50051
http: 0.0.0.0:8080
cache-dir: /var/cache/snapvit
{{- if .Values.gpus }}
device: cuda
{{- else }}
threads: {{ max 1 (sub (int .Values.cpus) 1) }}
{{- end }}
drain-grace: {{ .Values.drainSeconds }}s
log-format: json
{{- if .Values.tenants }}
tenants: /etc/snapvit/tenants/tenants.yaml
{{- end }}
{{- if .Values.tls.secret }}
tls-cert: /etc/snapvit/tls/tls.crt
tls-key: /etc/snapvit/tls/tls.key
{{- end }}
{{- with .Values.options }}
{{ toYaml . }}
{{- end }}
{{- end }}
