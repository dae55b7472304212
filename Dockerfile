# One image for every stage: the command chooses the app, e.g. `docker run crossdock run relay`.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional
COPY tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
RUN npx tsc -p tsconfig.build.json && npm prune --omit=dev --omit=optional

FROM node:24-slim
# Node gives its young generation 1 MiB where the container has 512; with 16 a document costs a fifth less CPU
ENV NODE_OPTIONS=--max-semi-space-size=16
ENV NODE_ENV=production CROSSDOCK_HOME=/etc/crossdock CROSSDOCK_DATA=/var/lib/crossdock
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY schemas schemas
COPY apps/cli/bin.mjs apps/cli/bin.mjs
COPY crossdock.yaml /etc/crossdock/crossdock.yaml
# `crossdock status` in a running container
RUN chmod 755 apps/cli/bin.mjs && ln -s /app/apps/cli/bin.mjs /usr/local/bin/crossdock
RUN mkdir -p /var/lib/crossdock && chown node:node /var/lib/crossdock
USER node
EXPOSE 8080 9464
ENTRYPOINT ["node", "/app/apps/cli/bin.mjs"]
CMD ["run", "all-in-one"]
